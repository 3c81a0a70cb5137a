"""gunicorn, started from code: one worker process that answers with threads, replaced if it hangs or dies.

serve() ─▶ socket bound, contract read, package there? ─▶ worker: client, routes, charts' script
           (any failure: one line, nothing started)
"""

from __future__ import annotations

import logging
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
from console.web.access import HEALTH_PATHS
from console.web.backend import Backend
from console.web.bundle import Bundle
from console.web.settings import ConsoleSettings
from contract.listening import is_loopback_address

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

log = logging.getLogger(__name__)

STOP_S = 5
"""Seconds that requests in hand have when the console is stopped; nothing is lost by cutting one off."""
SPARE_S = 30.0
"""Seconds beyond Elasticsearch's time after which a stuck worker is replaced."""


def serve(
    settings: ConsoleSettings, shared: OversightSettings, backend: Backend, *, make_charts_now: bool = True
) -> None:
    """Answer until SIGTERM or SIGINT; ends the process with 0 then.

    Args:
        settings, shared, backend, make_charts_now: as `Console`.
    Raises:
        SettingsError: the address is none, or is open to others without a token or with a short one; the certificate is
            bad; the charts' package is not installed.
        ArtifactError: the model's contract cannot be read.
        EndpointUnavailableError: the port is taken, or the address is not this machine's.
    """
    Bundle(shared.state / "console")
    backend.contract()
    files = settings.tls_files()
    tls = None if files is None else Contexts(files)
    token = revealed(settings.token)
    listener = settings.listen(has_token=token is not None)
    local = is_loopback_address(str(listener.getsockname()[0]))
    Tokens(token, setting=settings.bearer_variable, open_to_others=not local)
    if not local and tls is None:
        warn_of_plain_http(settings, what="the token and the documents")

    def make() -> WSGIApplication:
        """After the fork: clients and threads do not survive one."""
        from console.web.app import Console

        return Console(settings, shared, backend, local=local, make_charts_now=make_charts_now).app()

    Server(make, listener, tls, threads=settings.threads, timeout_s=int(backend.timeout_s + SPARE_S)).run()


class Server(Application):
    """The application as gunicorn wants it: settings, and the WSGI callable of the worker.

    Args:
        make: makes the routes.
        listener, tls: as `Application`.
        threads: requests handled at the same time.
        timeout_s: after so long a stuck worker is replaced.
    """

    def __init__(
        self,
        make: Callable[[], WSGIApplication],
        listener: socket.socket,
        tls: Contexts | None,
        *,
        threads: int,
        timeout_s: int,
    ) -> None:
        self._make, self._threads, self._timeout_s = make, threads, timeout_s
        super().__init__(listener, Limits(max_body_bytes=0, probes=HEALTH_PATHS), tls)

    def settings(self) -> dict[str, Any]:
        """What is set for this server alone, by gunicorn's names."""
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
        """The routes."""
        return self._make()

    def run(self) -> None:
        """Start the worker and watch over it until the end."""
        Arbiter(self).run()

    def _ready(self, _worker: Any) -> None:
        log.info("ready at %s", self.url, extra={"event.action": "ready", "url.original": self.url})
