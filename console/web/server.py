"""gunicorn, started from code: one worker process that answers with threads, replaced if it hangs or dies.

serve() ─▶ socket bound, contract read, package there? ─▶ worker: client, routes, charts' script
           (any failure: one line, nothing started)
"""

from __future__ import annotations

import logging
import socket
from typing import TYPE_CHECKING, Any

from gunicorn.arbiter import Arbiter

from common.server.gunicorn_app import Application, Log, warn_of_plain_http
from common.server.tls import Contexts
from common.server.worker import Worker
from console.web.bundle import Bundle
from console.web.config import BIND, PORT, PREFIX, TOKEN, ConsoleConfig, tokens_of
from contract.listening import is_loopback_address, listen

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

log = logging.getLogger(__name__)

STOP_S = 5
"""Seconds that requests in hand have when the console is stopped; nothing is lost by cutting one off."""
SPARE_S = 30.0
"""Seconds beyond Elasticsearch's time after which a stuck worker is replaced."""


def serve(config: ConsoleConfig) -> None:
    """Answer until SIGTERM or SIGINT; ends the process with 0 then.

    Raises:
        SettingsError: the address is none, or is open to others without a token or with a short one; the certificate is
        bad; the
            charts' package is not installed.
        ArtifactError: the model's contract cannot be read.
        EndpointUnavailableError: the port is taken, or the address is not this machine's.
    """
    Bundle(config.cache)
    config.contract()
    tls = None if config.tls is None else Contexts(config.tls)
    listener = listen(
        config.bind,
        setting=BIND,
        port=PORT,
        guarded=config.token is not None or config.allow_no_token,
        remedy=f"set {TOKEN}, or listen on 127.0.0.1 "
        f"(OVERSIGHT_CONSOLE_ALLOW_NO_TOKEN=true if something else restricts access)",
    )
    local = is_loopback_address(str(listener.getsockname()[0]))
    tokens_of(config, open_to_others=not local)
    if not local and tls is None:
        warn_of_plain_http(config.bind, what="the token and the documents", prefix=PREFIX)
    Server(config, listener, tls=tls, local=local).run()


class Server(Application):
    """The application as gunicorn wants it: settings, and the WSGI callable of the worker."""

    def __init__(self, config: ConsoleConfig, listener: socket.socket, *, tls: Contexts | None, local: bool) -> None:
        self.config, self.local = config, local
        super().__init__(listener, config.limits, tls)

    def settings(self) -> dict[str, Any]:
        """What is set for this server alone, by gunicorn's names."""
        return {
            "workers": 1,
            "threads": self.config.threads,
            "worker_class": Worker,
            "logger_class": Log,
            "timeout": int(self.config.timeout_s + SPARE_S),
            "graceful_timeout": STOP_S,
            "proc_name": "oversight-console",
            "post_worker_init": self._ready,
        }

    def load(self) -> WSGIApplication:
        """The routes, made after the fork: clients and threads do not survive one."""
        from console.web.app import Console

        return Console(self.config, local=self.local).app()

    def run(self) -> None:
        """Start the worker and watch over it until the end."""
        Arbiter(self).run()

    def _ready(self, _worker: Any) -> None:
        log.info("ready at %s", self.url, extra={"event.action": "ready", "url.original": self.url})
