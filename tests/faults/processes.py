"""`oversight watch` and `oversight serve` as processes that tests can kill and start again."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

from oversight.demo.ports import free_port
from tests.servers import Service, running
from tests.waiting import WAIT_S, wait_until

OURS = ("OVERSIGHT_", "ELASTICSEARCH_", "KIBANA_")
SHORT_WAITS = {
    "OVERSIGHT_WATCH_PAGE_SIZE": "20",
    "OVERSIGHT_WATCH_POLL_INTERVAL_S": "0.05",
    "OVERSIGHT_WATCH_BACKOFF_S": "0.05",
    "OVERSIGHT_WATCH_MAX_BACKOFF_S": "0.3",
    "OVERSIGHT_WATCH_REQUEST_TIMEOUT_S": "1.5",
    "OVERSIGHT_WATCH_HEARTBEAT_S": "0",
    "OVERSIGHT_WATCH_METRICS_BIND": "",
}
"""Settings of a watcher for tests: short waits, small pages."""


class Watcher:
    """A running `oversight watch`.

    Args:
        environment: its settings.
        log: file for its log.
        options: options of the command line.
    """

    def __init__(self, environment: Mapping[str, str], log: Path, *options: str) -> None:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        self.log = log
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "oversight", "watch", "--json", *options],
                env={**inherited, **SHORT_WAITS, **environment},
                cwd=log.parent,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=output,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.alive():
            self.kill()

    def alive(self) -> bool:
        """Whether it runs."""
        return self.process.poll() is None

    def kill(self) -> None:
        """Send SIGKILL and wait for the end."""
        self.process.kill()
        self.process.communicate(timeout=WAIT_S)

    def has_started(self) -> bool:
        """Whether it has written to its log."""
        return self.log.stat().st_size > 0

    def stop(self) -> dict[str, Any]:
        """Send SIGTERM after it has started. Check that it exits with 0, and return its counts."""
        wait_until(self.has_started, "a watcher to start")
        self.process.send_signal(signal.SIGTERM)
        out, _ = self.process.communicate(timeout=WAIT_S)
        assert self.process.returncode == 0, f"exit code {self.process.returncode}: {self.tail()}"
        counts: dict[str, Any] = json.loads(out)
        return counts

    def end(self) -> None:
        """Send SIGTERM at any moment. It exits with 0, or by the signal if it had not started."""
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=WAIT_S)
        assert self.process.returncode in (0, -signal.SIGTERM), f"exit code {self.process.returncode}: {self.tail()}"

    def tail(self) -> str:
        """The end of its log."""
        return self.log.read_text(encoding="utf-8")[-1_500:]


class EnrichService:
    """An `oversight serve` with two workers; it keeps its port across restarts.

    Args:
        model: the artifact.
    """

    def __init__(self, model: Path) -> None:
        self._model, self._port = model, free_port()
        self._stack = ExitStack()
        self.service: Service | None = None
        self.start()

    @property
    def url(self) -> str:
        """Its address; it stays the same while the service is down."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start it and wait until it is ready."""
        self.service = self._stack.enter_context(running(self._model, options=("--workers", "2"), port=self._port))

    def kill(self) -> None:
        """Send SIGKILL to the service and its workers."""
        assert self.service is not None
        family = [self.service.process, *self.service.process.children(recursive=True)]
        for one in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
        psutil.wait_procs(family, timeout=WAIT_S)
        self.stop()

    def workers(self) -> list[psutil.Process]:
        """The worker processes."""
        return [] if self.service is None else self.service.workers()

    def stop(self) -> None:
        """Send SIGTERM if it runs."""
        self.service = None
        self._stack.close()
