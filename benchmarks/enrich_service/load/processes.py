"""Start and stop servers as separate processes, all on the same core.

serving(...)           ──▶ oversight serve                            ┐
flask(...), answering  ──▶ gunicorn with a Flask app to compare with  ├─▶ Server: port, processor seconds with workers
program(...)           ──▶ any other command                          ┘
"""

from __future__ import annotations

import contextlib
import functools
import http.client
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import psutil

from oversight.demo.ports import free_port

ROOT = Path(__file__).resolve().parents[3]
READY_WAIT_S = 60.0
STOP_WAIT_S = 15.0
THREADS = 4
"""The default of `OVERSIGHT_SERVE_THREADS`."""


@dataclass(frozen=True)
class Server:
    """A running server."""

    name: str
    port: int
    process: psutil.Process

    def cpu_s(self) -> float:
        """Processor seconds that it and its workers have used."""
        family = [self.process, *self.process.children(recursive=True)]
        return sum(times.user + times.system for times in (one.cpu_times() for one in family))


@functools.cache
def server_core() -> int | None:
    """The core that servers run on, while the load comes from the others; None if there is only one core.

    It is chosen once, because `keep_off_the_servers` takes the core away from this process.
    """
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    return cores[-1] if len(cores) > 1 else None


def keep_off_the_servers() -> None:
    """Move this process away from the servers' core; call it once in the process that sends the load."""
    core = server_core()
    if core is not None:
        os.sched_setaffinity(0, os.sched_getaffinity(0) - {core})


@contextlib.contextmanager
def serving(
    model: Path, *, name: str = "Oversight", workers: int = 1, folder: Path = ROOT, pinned: bool = True
) -> Iterator[Server]:
    """Run `oversight serve` of the checkout in `folder`, with an artifact and the Python packages of this checkout."""
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "oversight",
        "serve",
        "--bind",
        f"127.0.0.1:{port}",
        "--model",
        str(model),
        "--workers",
        str(workers),
    ]
    environment = {"PYTHONPATH": str(folder)}
    ready = "/v2/health/ready"
    with program(command, port, name=name, ready=ready, env=environment, cwd=folder, pinned=pinned) as server:
        yield server


@contextlib.contextmanager
def answering(rival: str, answer: bytes) -> Iterator[Server]:
    """Run an application of `rivals` that always answers with these bytes."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(answer)
        file.flush()
        with flask(rival, Path(file.name)) as server:
            yield server


@contextlib.contextmanager
def flask(rival: str, path: Path) -> Iterator[Server]:
    """Run an application of `benchmarks.enrich_service.load.rivals` in gunicorn; `path` is its answer or its model."""
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "--worker-class",
        "gthread",
        "--threads",
        str(THREADS),
        "--workers",
        "1",
        "--keep-alive",
        "75",
        "--log-level",
        "error",
        "--bind",
        f"127.0.0.1:{port}",
        f"benchmarks.enrich_service.load.rivals:{rival}({str(path)!r})",
    ]
    with program(command, port, name=f"Flask, {rival}", ready="/") as server:
        yield server


@contextlib.contextmanager
def program(
    command: Sequence[str],
    port: int,
    *,
    name: str,
    ready: str,
    env: Mapping[str, str] | None = None,
    cwd: Path = ROOT,
    pinned: bool = True,
) -> Iterator[Server]:
    """Run a command that listens on a port, and stop it at the end; if `pinned` it runs on the servers' core."""
    core = server_core() if pinned else None
    started = ["taskset", "--cpu-list", str(core), *command] if core is not None else list(command)
    with tempfile.TemporaryFile() as log:
        process = psutil.Popen(
            started,
            cwd=cwd,
            env=None if env is None else {**os.environ, **env},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            if not _answers(port, ready, process):
                log.seek(0)
                raise RuntimeError(f"{name} did not start: {log.read()[-2000:].decode(errors='replace')}")
            yield Server(name, port, process)
        finally:
            process.terminate()
            try:
                process.wait(STOP_WAIT_S)
            except psutil.TimeoutExpired:
                process.kill()
                process.wait()


def _answers(port: int, path: str, process: psutil.Popen) -> bool:
    """Whether the server answers in time; a 404 counts as an answer, a 503 does not."""
    deadline = time.monotonic() + READY_WAIT_S
    while time.monotonic() < deadline and process.poll() is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
            connection.request("GET", path)
            if connection.getresponse().status != HTTPStatus.SERVICE_UNAVAILABLE:
                return True
        time.sleep(0.05)
    return False
