"""Start gunicorn from code, with the settings that the enrich service and the console share.

serve() ──▶ listening socket ──▶ Application ──▶ gunicorn's parent ──▶ `Worker`s, replaced if they hang or die
"""

from __future__ import annotations

import logging
import os
import socket
import ssl
from pathlib import Path
from typing import Any

import orjson
from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger

from common.server.limits import Limits
from common.server.tls import Contexts
from common.server.worker import KEEPALIVE_S
from common.settings.servers import ServerSettings
from contract.listening import url_of

log = logging.getLogger(__name__)

MEMORY_FOLDER = Path("/dev/shm")  # noqa: S108  gunicorn makes an unlinked file of its own there
"""Folder of the workers' heartbeat files on Linux. On a slow disk a blocked write could get a healthy worker killed."""


class Application(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """The application for gunicorn. A subclass adds `settings` and `load`.

    Args:
        listener: the socket; this object owns it from now on.
        limits: limits of a worker.
        tls: certificates; None: plain HTTP.
    """

    def __init__(self, listener: socket.socket, limits: Limits, tls: Contexts | None) -> None:
        self.limits, self._tls = limits, tls
        self.url = url_of(listener, tls=tls is not None)
        self._descriptor = listener.detach()
        super().__init__()

    def settings(self) -> dict[str, Any]:
        """Return the settings of this server alone, by gunicorn's names."""
        raise NotImplementedError

    def load_config(self) -> None:
        """Pass our settings to gunicorn. It does not read its own environment variables and files."""
        tls = self._tls
        for name, value in {
            "bind": f"fd://{self._descriptor}",
            "keepalive": KEEPALIVE_S,
            "worker_connections": 2 * self.limits.connections,  # the worker has its own limit and never stops accepting
            "worker_tmp_dir": str(MEMORY_FOLDER) if os.access(MEMORY_FOLDER, os.W_OK) else None,
            "control_socket_disable": True,
            "sendfile": False,
            # `common.access.request_checks` reads these headers and explains what is wrong with them
            "secure_scheme_headers": {},
            "forwarded_allow_ips": "",
            # only switches TLS on; `Contexts` reads the files
            **({} if tls is None else {"certfile": str(tls.files.cert), "keyfile": str(tls.files.key)}),
            **self.settings(),
        }.items():
            self.cfg.set(name, value)

    def tls_context(self) -> ssl.SSLContext | None:
        """Return the TLS context of the next connection; None: plain HTTP."""
        return None if self._tls is None else self._tls.content()

    def error_body(self, path: str, code: str, message: str) -> bytes:
        """Return the JSON of an error that the server answers without the routes; `path` is empty if none was read."""
        return orjson.dumps({"error": {"type": code, "message": message}})


def warn_of_plain_http(settings: ServerSettings, *, what: str) -> None:
    """Log a warning that the server speaks plain HTTP to other machines.

    Args:
        settings: settings of the server.
        what: what an eavesdropper could read.
    """
    log.warning(
        "%s serves plain HTTP to other machines, so %s can be read in transit; set %s and %s, "
        "or put an HTTPS proxy in front of it",
        settings.bind,
        what,
        settings.variable("tls_cert"),
        settings.variable("tls_key"),
    )


class Log(Logger):  # type: ignore[misc]  # gunicorn has no types
    """Sends gunicorn's own messages through our logging. There is no access log."""

    def setup(self, cfg: Any) -> None:
        """Use the logger and the handlers of this process."""
        self.cfg = cfg
        self._access_log_enabled = False
        self.error_log = logging.getLogger("common.gunicorn")
        self.access_log = logging.getLogger("common.gunicorn.access")

    def info(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """Log gunicorn's start and stop messages at debug level; our own message says when the server is ready."""
        self.error_log.debug(msg, *args, **kwargs)
