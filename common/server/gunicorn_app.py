"""gunicorn, started from code: what the enrich service and the console set alike.

serve() of each ──▶ a listening socket ──▶ Application ──▶ gunicorn's parent ──▶ `Worker`s, replaced if they hang or die
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
"""Where the workers' heartbeat goes on Linux: on a slow disk it could block and get a healthy worker killed."""


class Application(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """The application as gunicorn wants it. A subclass gives `settings` and `load`.

    Args:
        listener: the socket; it belongs to this object from now on.
        limits: what a worker takes on.
        tls: None: plain HTTP.
    """

    def __init__(self, listener: socket.socket, limits: Limits, tls: Contexts | None) -> None:
        self.limits, self._tls = limits, tls
        self.url = url_of(listener, tls=tls is not None)
        self._descriptor = listener.detach()
        super().__init__()

    def settings(self) -> dict[str, Any]:
        """What is set for this server alone, by gunicorn's names."""
        raise NotImplementedError

    def load_config(self) -> None:
        """Hand our settings to gunicorn; its own environment variables and files are not read."""
        tls = self._tls
        for name, value in {
            "bind": f"fd://{self._descriptor}",
            "keepalive": KEEPALIVE_S,
            "worker_connections": 2
            * self.limits.connections,  # the worker has a limit of its own, and does not stop to accept
            "worker_tmp_dir": str(MEMORY_FOLDER) if os.access(MEMORY_FOLDER, os.W_OK) else None,
            "control_socket_disable": True,
            "sendfile": False,
            # `common.access.request_checks` reads them, and says what is wrong with them
            "secure_scheme_headers": {},
            "forwarded_allow_ips": "",
            # that TLS is spoken at all; `Contexts` reads the files
            **({} if tls is None else {"certfile": str(tls.files.cert), "keyfile": str(tls.files.key)}),
            **self.settings(),
        }.items():
            self.cfg.set(name, value)

    def tls_context(self) -> ssl.SSLContext | None:
        """What the next connection is answered with; None: plain HTTP."""
        return None if self._tls is None else self._tls.current()

    def error_body(self, path: str, code: str, message: str) -> bytes:
        """The JSON of an error that the server answers without the routes; `path` is empty where none was read."""
        return orjson.dumps({"error": {"type": code, "message": message}})


def warn_of_plain_http(settings: ServerSettings, *, what: str) -> None:
    """Say that others can read along, where other machines reach a server that speaks no TLS.

    Args:
        settings: of the server.
        what: what they read.
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
    """gunicorn's own messages, through our logging; there is no access log of gunicorn's."""

    def setup(self, cfg: Any) -> None:
        """Use the logger and the handlers of this process."""
        self.cfg = cfg
        self._access_log_enabled = False
        self.error_log = logging.getLogger("common.gunicorn")
        self.access_log = logging.getLogger("common.gunicorn.access")

    def info(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """What gunicorn tells of its own life is for debugging; ours says when it is ready."""
        self.error_log.debug(msg, *args, **kwargs)
