"""Start gunicorn from code: a parent with the socket and the model's bytes, and workers that handle requests.

    serve() ─▶ read the artifact, predict a row ─▶ bind the socket ─┬─▶ worker: ONNX Runtime, its own session, threads
               (a failure: one line, nothing started)               └─▶ worker ...    ▲ replaced if it dies or hangs

ONNX Runtime does not survive a fork: its import starts a thread, and a forked child waits forever for that thread when
it ends. So this process never imports it: a process of its own tries the model, and each worker imports it after the
fork. All workers open the bytes that the parent has read, so a replaced file never leads to two versions at once.
`versions.switch` explains how a running service changes to another version.
"""

from __future__ import annotations

import logging
import socket
import sys
import time
from pathlib import Path
from typing import Any
from wsgiref.types import WSGIApplication

from gunicorn.arbiter import Arbiter

from common.access.tokens import Tokens, warn_if_open
from common.server import worker
from common.server.gunicorn_app import MEMORY_FOLDER, Application, Log, warn_of_plain_http
from common.server.tls import Contexts
from common.settings.base import revealed
from common.settings.shared import OversightSettings
from contract.artifact.contract import VERSION_DIGITS
from contract.artifact.site_profile import read_profile
from contract.listening import is_loopback_address
from enrich_service.http.paths import PROBE_PATHS
from enrich_service.http.telemetry import forget, telemetry_folder
from enrich_service.settings import ServeSettings
from enrich_service.versions.channel import Channel
from enrich_service.versions.switch import Switch, facts

log = logging.getLogger(__name__)

AGAIN_S = 5
"""Seconds until the next attempt after a worker could not start."""
LOOK_S = 0.5
"""Seconds between two checks of the model folder and the workers."""


def serve(settings: ServeSettings, shared: OversightSettings) -> None:
    """Serve until SIGTERM or SIGINT, finish the requests in flight, and end the process with 0.

    Args:
        settings: settings of the service.
        shared: the paths of the model and the site's profile, and the token of the clients.
    Raises:
        ArtifactError: the model cannot be served, or the site's profile cannot be used with it.
        SettingsError: bad address, tokens or certificate; or other machines could connect without a token.
        EndpointUnavailableError: the port is in use, or this machine does not have the address.
    """
    files = settings.tls_files(settings.tls_client_ca)
    tls = None if files is None else Contexts(files)
    profile = None if shared.profile is None else read_profile(shared.profile)
    switch = Switch(shared.model, digests=shared.model_digests, profile=profile, limit_s=settings.timeout_s)
    token = revealed(shared.enrich_token)
    listener = settings.listen(has_token=token is not None or settings.tokens_file is not None)
    local = is_loopback_address(str(listener.getsockname()[0]))
    tokens = Tokens(
        token,
        settings.tokens_file,
        setting=settings.bearer_variable,
        file_setting=settings.variable("tokens_file"),
        open_to_others=not local,
        quiet=True,
    )
    if settings.tokens_file is not None:
        warn_if_open(settings.tokens_file, setting=settings.variable("tokens_file"))
    if not local and tls is None:
        warn_of_plain_http(settings, what="tokens and documents")
    with telemetry_folder(MEMORY_FOLDER) as folder:
        Parent(Server(settings, switch, listener, tls=tls, tokens=tokens, telemetry=folder, local=local)).run()


class Server(Application):
    """The application for gunicorn: settings, and the WSGI callable of one worker."""

    def __init__(
        self,
        config: ServeSettings,
        switch: Switch,
        listener: socket.socket,
        *,
        tls: Contexts | None,
        tokens: Tokens,
        telemetry: Path,
        local: bool,
    ) -> None:
        self.config, self.switch, self.local = config, switch, local
        self.tokens, self.telemetry = tokens, telemetry
        super().__init__(listener, config.limits(PROBE_PATHS), tls)

    def settings(self) -> dict[str, Any]:
        """Settings of this server alone, by gunicorn's names."""
        return {
            "workers": self.config.workers,
            "threads": self.config.threads,
            "worker_class": Worker,
            "logger_class": Log,
            "timeout": self.config.timeout_s,
            "graceful_timeout": self.config.timeout_s,
            "proc_name": "oversight-enrich",
            "post_worker_init": self._worker_is_ready,
            "child_exit": self._worker_ended,
        }

    def error_body(self, path: str, code: str, message: str) -> bytes:
        """An error as the routes respond to it; only a worker calls this."""
        from enrich_service.http.respond import error_body

        return error_body(path, code, message)

    def load(self) -> WSGIApplication:
        """Create the routes of one worker, with its own sessions, after the fork."""
        from enrich_service.garbage import settle
        from enrich_service.http import access
        from enrich_service.http.app import create_app
        from enrich_service.model.artifact import open_model

        self.tokens.quiet = False  # this process is a worker, which logs changes of the file
        chosen = self.switch.chosen
        shadow = None if chosen.shadow is None else open_model(chosen.shadow)
        access.to_handlers_of("enrich_service")
        access.to_handlers_of("common")
        application = create_app(
            open_model(chosen.active),
            self.config,
            tokens=self.tokens,
            shadow=shadow,
            profile=self.switch.profile,
            local=self.local,
            metrics_folder=self.telemetry,
        )
        settle()
        return application

    def _worker_ended(self, _parent: object, worker: Worker) -> None:
        worker.line.channel.close()
        forget(self.telemetry, worker.pid)

    def _worker_is_ready(self, worker: Worker) -> None:
        from enrich_service.http.app import routes_of
        from enrich_service.versions.follow import Follower

        worker.line.channel.close()
        Follower(worker.channel, routes_of(worker.wsgi).models).start()
        active = self.switch.chosen.active
        profile = self.switch.profile
        site = "" if profile is None else f", with the site's profile {profile.sha256[:VERSION_DIGITS]}"
        what = f"model {active.contract.name}, version {active.version}{site}"
        said = {**facts(self.switch.chosen), "url.original": self.url}
        if worker.age == 1:
            log.info("ready at %s: %s", self.url, what, extra={"event.action": "ready", **said})
        elif worker.age > self.config.workers:
            routes_of(worker.wsgi).metrics.restarts.inc()
            log.warning("a worker was replaced: %s", what, extra={"event.action": "worker-replaced", **said})


class Parent(Arbiter):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's loop over its workers; each round also checks for a new model."""

    def handle_hup(self) -> None:
        """SIGHUP: look for a new model now. Workers and connections stay."""
        self.app.switch.look()

    def wait_for_signals(self, timeout: float = LOOK_S) -> list[int]:
        """Sleep until a signal comes, or until the next check."""
        signals: list[int] = super().wait_for_signals(min(timeout, LOOK_S))
        return signals

    def manage_workers(self) -> None:
        """Keep the number of workers, their models, and the tokens for the next worker."""
        self.app.tokens.digests()
        super().manage_workers()
        self.app.switch.step([worker.line for worker in self.WORKERS.values()])

    def spawn_worker(self) -> int:
        """Fork a worker, and close its end of the channel in the parent; the child never returns from here."""
        pid: int = super().spawn_worker()
        self.WORKERS[pid].channel.close()
        return pid

    def stop(self, graceful: bool = True) -> None:
        """End the workers."""
        self.app.switch.close()
        super().stop(graceful)


class Worker(worker.Worker):
    """A worker that follows the model."""

    def __init__(self, age: int, ppid: int, sockets: list[Any], app: Server, *rest: Any) -> None:
        """Create the worker in the parent, just before the fork."""
        super().__init__(age, ppid, sockets, app, *rest)
        end, self.channel = Channel.pair()
        self.line = app.switch.line(end)

    def load_wsgi(self) -> None:
        """Create the routes. If the worker must stop meanwhile, exit quietly: a stopped import may raise anything."""
        try:
            super().load_wsgi()
        except Exception as error:
            if not self.alive:
                sys.exit(0)
            if self.age <= self.app.config.workers:
                raise
            log.error("a new worker cannot start (%s: %s); trying again in %d s", type(error).__name__, error, AGAIN_S)
            time.sleep(AGAIN_S)
            sys.exit(1)  # with gunicorn's own exit code for this, the whole service would end
