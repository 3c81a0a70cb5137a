"""gunicorn, started from code: one parent that holds the socket and the model's bytes, workers that answer.

    serve() ─▶ artifact read, answers a row ─▶ socket bound ─┬─▶ worker: ONNX Runtime, its own session, threads
               (any failure: one line, nothing started)      └─▶ worker ...      ▲ replaced if it dies or hangs

ONNX Runtime does not survive a fork: importing it starts a thread, and a forked child waits for that thread for ever
when it ends. So this process never imports it: the model is tried in a process of its own, and each worker imports it
after the fork. All workers open the bytes that the parent read: a file that is replaced meanwhile never leaves two
versions answering beside each other.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import socket
import sys
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from gunicorn import util
from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger
from gunicorn.http.errors import LimitRequestHeaders, LimitRequestLine, ParseException
from gunicorn.workers.gthread import ThreadWorker

from contract.errors import ArtifactError
from enrich_service.config import ServeConfig, listen, url_of
from enrich_service.model_file import ModelFile, read

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

log = logging.getLogger(__name__)

KEEPALIVE_S = 75
"""A watcher keeps its connection between two looks; longer than any poll interval that makes sense."""
MEMORY_FOLDER = Path("/dev/shm")  # noqa: S108  gunicorn makes an unlinked file of its own there
"""Where the workers' heartbeat goes on Linux: on a slow disk it could block and get a healthy worker killed."""

_REFUSALS = {LimitRequestLine: "414 URI Too Long", LimitRequestHeaders: "431 Request Header Fields Too Large"}


def serve(config: ServeConfig) -> None:
    """Answer until SIGTERM or SIGINT; ends the process with 0 then. Requests in hand are finished first.

    Raises:
        ArtifactError: the model cannot be served.
        SettingsError: the address is none, or is open to other machines without a token.
        EndpointUnavailableError: the port is taken, or the address is not this machine's.
    """
    model = read(config.model)
    try_out(model)
    listener = listen(config)
    Server(config, model, listener).run()


def try_out(model: ModelFile) -> None:
    """Open the model once, in a process of its own that ends with it.

    Raises:
        ArtifactError: it cannot be served, or ONNX Runtime crashes on it.
    """
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork")) as process:
        try:
            process.submit(_open, model).result()
        except BrokenProcessPool:
            raise ArtifactError(
                f"{model.path}: the process that opened the model was killed; look at the machine's memory, "
                f"or convert the model again"
            ) from None


def _open(model: ModelFile) -> None:
    from enrich_service.artifact import open_model

    open_model(model)


class Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """The application as gunicorn wants it: settings, and the WSGI callable of one worker."""

    def __init__(self, config: ServeConfig, model: ModelFile, listener: socket.socket) -> None:
        self.config, self.model = config, model
        self.url = url_of(listener)
        self.descriptor = listener.detach()
        super().__init__()

    def load_config(self) -> None:
        """Hand our settings to gunicorn; its own environment variables and files are not read."""
        config = self.config
        for name, value in {
            "bind": f"fd://{self.descriptor}",
            "workers": config.workers,
            "threads": config.threads,
            "worker_class": Worker,
            "logger_class": Log,
            "timeout": config.timeout_s,
            "graceful_timeout": config.timeout_s,
            "keepalive": KEEPALIVE_S,
            "worker_tmp_dir": str(MEMORY_FOLDER) if os.access(MEMORY_FOLDER, os.W_OK) else None,
            "proc_name": "oversight-enrich",
            "control_socket_disable": True,
            "post_worker_init": self._worker_is_ready,
        }.items():
            self.cfg.set(name, value)

    def load(self) -> WSGIApplication:
        """The routes of one worker, with a session of its own; runs after the fork."""
        from enrich_service.app import create_app
        from enrich_service.artifact import open_model

        return create_app(open_model(self.model), self.config.app)

    def _worker_is_ready(self, worker: ThreadWorker) -> None:
        contract, version = self.model.contract, self.model.version
        what = f"model {contract.name}, version {version}"
        facts = {"oversight.model.id": contract.name, "oversight.model.version": version, "url.original": self.url}
        if worker.age == 1:
            log.info("ready at %s: %s", self.url, what, extra={"event.action": "ready", **facts})
        elif worker.age > self.config.workers:
            log.warning("a worker was replaced: %s", what, extra={"event.action": "worker-replaced", **facts})


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """A worker that answers what is no HTTP in JSON, and keeps what it was out of the log: it may be a document."""

    def load_wsgi(self) -> None:
        """Make the routes; told to stop meanwhile, end in peace: an import cut short fails in its own ways."""
        try:
            super().load_wsgi()
        except Exception:
            if self.alive:
                raise
            sys.exit(0)

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: Exception) -> None:
        """Answer a request that could not be read."""
        if not isinstance(exc, ParseException):
            super().handle_error(req, client, addr, exc)
            return
        log.info("a request that is no valid HTTP was refused (%s)", type(exc).__name__)
        status = next((line for kind, line in _REFUSALS.items() if isinstance(exc, kind)), "400 Bad Request")
        body = orjson.dumps(
            {"error": {"type": "bad_request", "message": f"the request is no valid HTTP/1.1: {status[4:]}"}}
        )
        head = (
            f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        try:
            util.write_nonblock(client, head.encode() + body)
        except OSError:
            log.debug("the client of an invalid request did not wait for its answer")


class Log(Logger):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's own messages, through our logging; there is no access log."""

    def setup(self, cfg: Any) -> None:
        """Use the logger and the handlers of this process."""
        self.cfg = cfg
        self._access_log_enabled = False
        self.error_log = logging.getLogger("enrich_service.gunicorn")
        self.access_log = logging.getLogger("enrich_service.access")

    def info(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """What gunicorn tells of its own life is for debugging; ours says when it is ready."""
        self.error_log.debug(msg, *args, **kwargs)
