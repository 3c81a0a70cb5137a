"""Starts gunicorn from code: one worker process with threads, replaced if it hangs or dies.

serve() ─▶ bind the socket, read the contract, find the package ─▶ worker: client, routes, chart script
           (any failure: one line, nothing started)
"""

from __future__ import annotations

import logging
import secrets
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gunicorn.arbiter import Arbiter

from common.access.tokens import Tokens
from common.server.gunicorn_app import Application, Log, warn_of_plain_http
from common.server.limits import Limits
from common.server.tls import Contexts
from common.server.worker import Worker
from common.settings.base import revealed
from common.settings.shared import OversightSettings
from console.verdicts.bodies import BODY_BYTES
from console.verdicts.people import people_of
from console.web.access import HEALTH_PATHS
from console.web.backend import Backend
from console.web.bundle import Bundle
from console.web.settings import ConsoleSettings
from contract.listening import is_loopback_address

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

log = logging.getLogger(__name__)

STOP_S = 5
"""Time for running requests when the console stops. They only read, so nothing is lost if one is cut off."""
SPARE_S = 30.0
"""Extra time after Elasticsearch's timeout, before a stuck worker is replaced."""


def serve(settings: ConsoleSettings, shared: OversightSettings, backend: Backend) -> None:
    """Serve until SIGTERM or SIGINT, then exit with 0.

    Args:
        settings, shared, backend: as for `Console`.
    Raises:
        SettingsError: the address is not valid, or other machines can reach it and the token is missing or too short;
            the certificate is not valid; the package of the charts is not installed; the file of people is not valid.
        ArtifactError: the model's contract cannot be read.
        EndpointUnavailableError: the port is in use, or the address is not on this machine.
    """
    Bundle(shared.state / "console")
    backend.contract()
    files = settings.tls_files()
    tls = None if files is None else Contexts(files)
    token = revealed(settings.token)
    people, secret = people_of(settings, shared), secrets.token_bytes(32)
    listener = settings.listen(has_token=token is not None or people is not None)
    local = is_loopback_address(str(listener.getsockname()[0]))
    Tokens(token, setting=settings.bearer_variable, open_to_others=not local)
    if not local and tls is None:
        warn_of_plain_http(settings, what="the token and the documents")

    def make() -> WSGIApplication:
        """Create the routes after the fork, because clients and threads do not survive a fork."""
        from console.web.app import Console

        return Console(settings, shared, backend, local=local, secret=secret).app()

    limits = Limits(max_body_bytes=0 if people is None else BODY_BYTES, probes=HEALTH_PATHS)
    timeout_s = int(backend.timeout_s + SPARE_S)
    Server(make, listener, tls, threads=settings.threads, timeout_s=timeout_s, limits=limits).run()


class Server(Application):
    """The application for gunicorn: settings, and the WSGI callable of the worker.

    Args:
        make: creates the routes.
        listener, tls: as for `Application`.
        threads: requests handled at the same time.
        timeout_s: a worker that is stuck for this long is replaced.
        limits: limits of a request.
    """

    def __init__(
        self,
        make: Callable[[], WSGIApplication],
        listener: socket.socket,
        tls: Contexts | None,
        *,
        threads: int,
        timeout_s: int,
        limits: Limits,
    ) -> None:
        self._make, self._threads, self._timeout_s = make, threads, timeout_s
        super().__init__(listener, limits, tls)

    def settings(self) -> dict[str, Any]:
        """Return the settings of this server alone, by gunicorn's names."""
        return {
            "workers": 1,
            "threads": self._threads,
            "worker_class": Worker,
            "logger_class": Log,
            "timeout": self._timeout_s,
            "graceful_timeout": STOP_S,
            "proc_name": "oversight-console",
            "post_worker_init": self._ready,
        }

    def load(self) -> WSGIApplication:
        """Create the routes."""
        return self._make()

    def run(self) -> None:
        """Start the worker and supervise it until the end."""
        Arbiter(self).run()

    def _ready(self, _worker: Any) -> None:
        log.info("ready at %s", self.url, extra={"event.action": "ready", "url.original": self.url})
