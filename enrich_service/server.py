"""gunicorn, started from code: one parent that holds the socket and the model's bytes, workers that answer.

    serve() ─▶ artifact read, answers a row ─▶ socket bound ─┬─▶ worker: ONNX Runtime, its own session, threads
               (any failure: one line, nothing started)      └─▶ worker ...      ▲ replaced if it dies or hangs

ONNX Runtime does not survive a fork: importing it starts a thread, and a forked child waits for that thread for ever
when it ends. So this process never imports it: the model is tried in a process of its own, and each worker imports it
after the fork. All workers open the bytes that the parent read: a file that is replaced meanwhile never leaves two
versions answering beside each other. `switch` says how another version takes the place of the first while they answer.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from gunicorn import util
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.glogging import Logger
from gunicorn.http.errors import LimitRequestHeaders, LimitRequestLine, ParseException

from enrich_service.admission import AdmittingWorker
from enrich_service.channel import Channel
from enrich_service.config import ServeConfig, listen, url_of
from enrich_service.switch import Switch, facts
from enrich_service.telemetry import forget, telemetry_folder
from enrich_service.tls import Contexts
from enrich_service.tokens import Tokens, warn_if_open

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

log = logging.getLogger(__name__)

AGAIN_S = 5
"""Seconds until another worker is tried in the place of one that could not start."""
LOOK_S = 0.5
"""Seconds between two looks at the model folder and at the workers."""
KEEPALIVE_S = 75
"""A watcher keeps its connection between two looks; longer than any poll interval that makes sense."""
MEMORY_FOLDER = Path("/dev/shm")  # noqa: S108  gunicorn makes an unlinked file of its own there
"""Where the workers' heartbeat goes on Linux: on a slow disk it could block and get a healthy worker killed."""

_REFUSALS = {LimitRequestLine: "414 URI Too Long", LimitRequestHeaders: "431 Request Header Fields Too Large"}


def serve(config: ServeConfig) -> None:
    """Answer until SIGTERM or SIGINT; ends the process with 0 then. Requests in hand are finished first.

    Raises:
        ArtifactError: the model cannot be served.
        SettingsError: the address is none, or is open to other machines without a token; tokens or certificate are bad.
        EndpointUnavailableError: the port is taken, or the address is not this machine's.
    """
    tokens = Tokens(config.app.token, config.app.tokens_file, quiet=True)
    if config.app.tokens_file is not None:
        warn_if_open(config.app.tokens_file)
    tls = None if config.tls is None else Contexts(config.tls)
    switch = Switch(config.model, digests=config.model_digests, limit_s=config.timeout_s)
    listener = listen(config)
    with telemetry_folder(MEMORY_FOLDER) as folder:
        Server(config, switch, listener, tls=tls, tokens=tokens, telemetry=folder).run()


class Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """The application as gunicorn wants it: settings, and the WSGI callable of one worker."""

    def __init__(
        self, config: ServeConfig, switch: Switch, listener: socket.socket, *, tls: Contexts | None, tokens: Tokens,
        telemetry: Path,
    ) -> None:  # fmt: skip
        self.config, self.switch = config, switch
        self.tls, self.tokens, self.telemetry = tls, tokens, telemetry
        self.url = url_of(listener, tls=tls is not None)
        self.descriptor = listener.detach()
        super().__init__()

    def load_config(self) -> None:
        """Hand our settings to gunicorn; its own environment variables and files are not read."""
        config = self.config
        tls = {}
        if (contexts := self.tls) is not None and config.tls is not None:
            tls = {
                "certfile": str(config.tls.cert),  # that TLS is spoken at all; the files are read by `Contexts`
                "keyfile": str(config.tls.key),
                "ssl_context": lambda _config, _default: contexts.current(),
                "do_handshake_on_connect": False,
            }
        for name, value in {
            **tls,
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
            "child_exit": self._worker_ended,
        }.items():
            self.cfg.set(name, value)

    def load(self) -> WSGIApplication:
        """The routes of one worker, with sessions of its own; runs after the fork."""
        from enrich_service import access
        from enrich_service.app import create_app
        from enrich_service.artifact import open_model
        from enrich_service.memory import give_back_large_blocks, settle

        give_back_large_blocks()
        chosen = self.switch.chosen
        shadow = None if chosen.shadow is None else open_model(chosen.shadow)
        access.to_handlers_of("enrich_service")
        app = replace(self.config.app, metrics_folder=self.telemetry)
        application = create_app(open_model(chosen.active), app, shadow=shadow, tokens=self.tokens.inherited())
        settle()
        return application

    def run(self) -> None:
        """Start the workers and watch over them until the end."""
        Parent(self).run()

    def _worker_ended(self, _parent: object, worker: Worker) -> None:
        forget(self.telemetry, worker.pid)

    def _worker_is_ready(self, worker: Worker) -> None:
        from enrich_service.app import metrics_of, models_of
        from enrich_service.follow import Follower

        worker.line.channel.close()
        Follower(worker.channel, models_of(worker.wsgi)).start()
        active = self.switch.chosen.active
        what = f"model {active.contract.name}, version {active.version}"
        said = {**facts(self.switch.chosen), "url.original": self.url}
        if worker.age == 1:
            log.info("ready at %s: %s", self.url, what, extra={"event.action": "ready", **said})
        elif worker.age > self.config.workers:
            metrics_of(worker.wsgi).restarts.inc()
            log.warning("a worker was replaced: %s", what, extra={"event.action": "worker-replaced", **said})


class Parent(Arbiter):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's loop over its workers, with a look at the model in each round."""

    def handle_hup(self) -> None:
        """SIGHUP: look at the model now. The workers stay, and so does every connection."""
        self.app.switch.look()

    def wait_for_signals(self, timeout: float = LOOK_S) -> list[int]:
        """Sleep until a signal comes, or until the next look is due."""
        signals: list[int] = super().wait_for_signals(min(timeout, LOOK_S))
        return signals

    def manage_workers(self) -> None:
        """Keep their number, what they serve, and the tokens that the next of them begins with."""
        self.app.tokens.look()
        super().manage_workers()
        self.app.switch.step([worker.line for worker in self.WORKERS.values()])

    def spawn_worker(self) -> int:
        """Fork a worker; this returns in the parent alone, which then needs the worker's end of the line no more."""
        pid: int = super().spawn_worker()
        self.WORKERS[pid].channel.close()
        return pid

    def stop(self, graceful: bool = True) -> None:
        """End the workers."""
        self.app.switch.close()
        super().stop(graceful)


class Worker(AdmittingWorker):
    """A worker that answers what is no HTTP in JSON, and keeps what it was out of the log: it may be a document."""

    def __init__(self, age: int, ppid: int, sockets: list[Any], app: Server, *rest: Any) -> None:
        """Made by the parent just before the fork."""
        super().__init__(age, ppid, sockets, app, *rest)
        end, self.channel = Channel.pair()
        self.line = app.switch.line(end)

    def load_wsgi(self) -> None:
        """Make the routes; told to stop meanwhile, end in peace: an import cut short fails in its own ways."""
        try:
            super().load_wsgi()
        except Exception as error:
            if not self.alive:
                sys.exit(0)
            if self.age <= self.app.config.workers:
                raise
            log.error(
                "a new worker cannot start (%s: %s); another is tried in %d s", type(error).__name__, error, AGAIN_S
            )
            time.sleep(AGAIN_S)
            sys.exit(1)  # with gunicorn's own number for this, the whole service would end

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
