"""A separate real engine for a test that kills its node and starts it again on the same data."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from elasticsearch import Elasticsearch

from oversight.demo.ports import free_port
from tests.conftest import QUICK_JAVA, REAL_ENGINE, wait_for_security
from tests.waiting import WAIT_S

PASSWORD = "only-for-this-test"


class Node:
    """One node.

    Args:
        engine: `opensearch`, or `elasticsearch` with security.
        folder: folder for its data.
        settings: lines for its configuration.
    """

    def __init__(self, engine: str, folder: Path, settings: str = "") -> None:
        self.engine, self._folder, self._settings, self._port = engine, folder, settings, free_port()
        self.secured = engine == "elasticsearch"

    @property
    def url(self) -> str:
        """Its address; it stays the same while the node is down."""
        return f"http://127.0.0.1:{self._port}"

    def client(self) -> Elasticsearch:
        """A client with all privileges."""
        more: dict[str, Any] = {"basic_auth": ("elastic", PASSWORD)} if self.secured else {}
        return Elasticsearch(self.url, request_timeout=WAIT_S, **more)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def start(self) -> None:
        """Start the node on its existing data, and wait until it accepts requests."""
        environment = {
            **QUICK_JAVA,
            **os.environ,
            "ENGINE": self.engine,
            "HEAP": "512m",
            "NODE_SETTINGS": self._settings,
        }
        environment |= {"SECURITY": "1", "ELASTIC_PASSWORD": PASSWORD} if self.secured else {}
        started = subprocess.run(
            [REAL_ENGINE / "start.sh", str(self._port), self._folder],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert "READY" in started.stdout, f"{self.engine} did not start: {started.stderr[-2000:]}"
        if self.secured:
            wait_for_security(self.url, PASSWORD)

    def kill(self) -> None:
        """Send SIGKILL to the node and to the processes started with it; then its port refuses connections."""
        for name in ("server", "node", "shim"):
            file = self._folder / f"{name}.pid"
            if file.exists():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(file.read_text(encoding="ascii")), signal.SIGKILL)
        self._stop()

    def _stop(self) -> None:
        subprocess.run([REAL_ENGINE / "stop.sh", self._folder], capture_output=True, check=False)
