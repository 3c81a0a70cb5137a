"""gunicorn, started from code: one worker process that answers with threads, replaced if it hangs or dies.

serve() ─▶ socket bound, contract read, package there? ─▶ worker: client, routes, charts' script
           (any failure: one line, nothing started)
"""

from __future__ import annotations

import logging
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.glogging import Logger

from console.bundle import Bundle
from console.config import BIND, PORT, TOKEN, ConsoleConfig
from contract.listening import is_loopback_address, listen, url_of

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

log = logging.getLogger(__name__)

MEMORY_FOLDER = Path("/dev/shm")  # noqa: S108  gunicorn makes an unlinked file of its own there
STOP_S = 5
"""Seconds that requests in hand have when the console is stopped; nothing is lost by cutting one off."""
SPARE_S = 30.0
"""Seconds beyond Elasticsearch's time after which a stuck worker is replaced."""


def serve(config: ConsoleConfig) -> None:
    """Answer until SIGTERM or SIGINT; ends the process with 0 then.

    Raises:
        SettingsError: the address is none, or is open to others without a token; the charts' package is not installed.
        ArtifactError: the model's contract cannot be read.
        EndpointUnavailableError: the port is taken, or the address is not this machine's.
    """
    Bundle(config.cache)
    config.contract()
    listener = listen(
        config.bind,
        setting=BIND,
        port=PORT,
        guarded=config.token is not None or config.allow_no_token,
        remedy=f"set {TOKEN}, or listen on 127.0.0.1 "
        f"(OVERSIGHT_CONSOLE_ALLOW_NO_TOKEN=true where something else keeps strangers away)",
    )
    local = is_loopback_address(str(listener.getsockname()[0]))
    if not local and config.token is not None and config.tls is None:
        log.warning(
            "%s is plain HTTP to other machines: the token and what is shown can be read on the way; "
            "set OVERSIGHT_CONSOLE_TLS_CERT and _TLS_KEY, or put a proxy with HTTPS before it", config.bind,
        )  # fmt: skip
    Server(config, listener, local=local).run()


class Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """The application as gunicorn wants it: settings, and the WSGI callable of the worker."""

    def __init__(self, config: ConsoleConfig, listener: socket.socket, *, local: bool) -> None:
        self.config, self.local = config, local
        self.url = url_of(listener, tls=config.tls is not None)
        self.descriptor = listener.detach()
        super().__init__()

    def load_config(self) -> None:
        """Hand our settings to gunicorn; its own environment variables and files are not read."""
        config = self.config
        tls = {} if config.tls is None else {"certfile": str(config.tls.cert), "keyfile": str(config.tls.key)}
        for name, value in {
            **tls,
            "bind": f"fd://{self.descriptor}",
            "workers": 1,
            "threads": config.threads,
            "worker_class": "gthread",
            "logger_class": Log,
            "timeout": int(config.timeout_s + SPARE_S),
            "graceful_timeout": STOP_S,
            "keepalive": 75,
            "worker_tmp_dir": str(MEMORY_FOLDER) if os.access(MEMORY_FOLDER, os.W_OK) else None,
            "proc_name": "oversight-console",
            "control_socket_disable": True,
            "post_worker_init": self._ready,
        }.items():
            self.cfg.set(name, value)

    def load(self) -> WSGIApplication:
        """The routes, made after the fork: clients and threads do not survive one."""
        from console.app import Console

        return Console(self.config, local=self.local).app()

    def run(self) -> None:
        """Start the worker and watch over it until the end."""
        Arbiter(self).run()

    def _ready(self, _worker: Any) -> None:
        log.info("ready at %s", self.url, extra={"event.action": "ready", "url.original": self.url})


class Log(Logger):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's own messages, through our logging; there is no access log: addresses hold names of users."""

    def setup(self, cfg: Any) -> None:
        """Use the logger and the handlers of this process."""
        self.cfg = cfg
        self._access_log_enabled = False
        self.error_log = logging.getLogger("console.gunicorn")
        self.access_log = logging.getLogger("console.access")

    def info(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """What gunicorn tells of its own life is for debugging; ours says when it is ready."""
        self.error_log.debug(msg, *args, **kwargs)
