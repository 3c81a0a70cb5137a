"""Starts our servers as real processes, like a user."""

from __future__ import annotations

import contextlib
import os
import re
import ssl
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from oversight.demo.ports import free_port
from tests.waiting import WAIT_S, until

DOCKERFILE = (Path(__file__).resolve().parent.parent / "Dockerfile").read_text(encoding="utf-8")
AS_IN_THE_IMAGE = dict(re.findall(r"\b(MALLOC_\w+)=(\d+)", DOCKERFILE))
"""glibc's settings in the image. Without them it keeps buffers of the largest requests, sometimes twice."""
STOP_WAIT_S = 30.0
"""Time for a server to end by itself before it is killed."""


@dataclass(frozen=True)
class Service:
    """A running enrich service."""

    url: str
    process: psutil.Popen
    log: Path
    """Its output."""
    tls: ssl.SSLContext | None = None
    """TLS settings for clients, if it speaks TLS."""

    def workers(self) -> list[psutil.Process]:
        """Return the worker processes."""
        return list(self.process.children())


@contextlib.contextmanager
def enrich_service(model: Path, *, token: str | None = None, env: Mapping[str, str] | None = None) -> Iterator[str]:
    """Yield the address of a real enrich service, started by `oversight serve` on a free port and stopped at the end.

    Args:
        model: the artifact.
        token: bearer token that it requires.
        env: more `OVERSIGHT_*` variables.
    """
    with running(model, token=token, env=env) as service:
        yield service.url


@contextlib.contextmanager
def running(
    model: Path,
    *,
    token: str | None = None,
    env: Mapping[str, str] | None = None,
    options: Sequence[str] = (),
    tls: ssl.SSLContext | None = None,
    port: int = 0,
    host: str = "127.0.0.1",
) -> Iterator[Service]:
    """Yield a service like `enrich_service`, with its process and log.

    Args:
        model, token, env: as for `enrich_service`.
        options: more options of `oversight serve`.
        tls: TLS settings of the client.
        port: its port, such as that of an earlier start; 0: a free one.
        host: address to listen on.
    """
    port = port or free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OVERSIGHT_")}
    environment |= {} if token is None else {"OVERSIGHT_ENRICH_TOKEN": token}
    environment |= env or {}
    command = [
        sys.executable,
        "-m",
        "oversight",
        "serve",
        "--bind",
        f"{host}:{port}",
        "--model",
        str(model),
        *options,
    ]
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "serve.log"
        with log.open("wb") as output:
            process = psutil.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=environment, cwd=folder
            )
        service = Service(f"{'http' if tls is None else 'https'}://{host}:{port}", process, log, tls)
        try:
            wait_until_ready(service)
            yield service
        finally:
            stop(process)


def wait_until_ready(service: Service) -> None:
    """Wait until the service is ready.

    Raises:
        AssertionError: it ended, or is not ready after `WAIT_S`.
    """

    def ready() -> bool:
        # Read the log: another test's service may have taken the port, and would answer instead.
        if f"ready at {service.url}" not in service.log.read_text(encoding="utf-8"):
            return False
        url = f"{service.url}/v2/health/ready"
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=WAIT_S, context=service.tls):
            return True
        return False

    until(lambda: service.process.poll() is not None or ready())
    if service.process.poll() is not None or not ready():
        output = service.log.read_text(encoding="utf-8")[-2000:]
        raise AssertionError(f"the enrich service did not become ready: {output}")


def stop(process: psutil.Popen) -> None:
    """End a process and what it started: SIGTERM, wait, SIGKILL."""
    family = [process, *(process.children(recursive=True) if process.is_running() else [])]
    if process.poll() is None:
        process.terminate()
    _, alive = psutil.wait_procs(family, timeout=STOP_WAIT_S)
    for child in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()
    psutil.wait_procs(alive, timeout=STOP_WAIT_S)
