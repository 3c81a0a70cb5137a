"""Run Oversight's programs as processes, and measure their wall-clock time, processor time and memory.

served()  ──▶ `oversight serve` with the shipped model
watched() ──▶ `oversight watch --once`, from the first line of its log to the last
bare()    ──▶ a loop that writes a constant prediction
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import psutil

from common.settings.shared import DEFAULT_MODEL
from oversight.demo.children import Children, HttpServer

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Run:
    """Time and memory that a program needed for its work, without its start."""

    took_s: float
    cpu_s: float
    peak_mb: float = 0.0
    """Peak memory; 0 if it was not measured."""


@dataclass(frozen=True)
class Service:
    """A running enrich service."""

    url: str
    process: psutil.Process

    def cpu_s(self) -> float:
        """Processor seconds that it and its workers have used."""
        family = [self.process, *self.process.children(recursive=True)]
        return sum(times.user + times.system for times in (one.cpu_times() for one in family))


def clean_environment(folder: Path = ROOT, **more: str) -> dict[str, str]:
    """The environment without variables that configure our programs, plus `more`; imports come from `folder`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OVERSIGHT_", "ELASTICS"))}
    return kept | {"PYTHONPATH": str(folder)} | more


@contextmanager
def served() -> Iterator[Service]:
    """Run an enrich service with the shipped model."""
    with tempfile.TemporaryDirectory() as folder:
        children, log = Children(Path(folder)), Path(folder) / "serve.log"

        def start(port: int) -> psutil.Popen:
            bind = f"127.0.0.1:{port}"
            command = [sys.executable, "-m", "oversight", "serve", "--bind", bind, "--model", str(DEFAULT_MODEL)]
            return children.start(command, log=log, env=clean_environment())

        server = HttpServer(children, start, "/v2/health/ready")
        try:
            if not server.wait():
                raise SystemExit(log.read_text(encoding="utf-8")[-2000:])
            yield Service(server.url, server.process)
        finally:
            children.stop_all()


def watched(
    url: str, enrich_url: str, index: str, *, slices: int = 1, page_size: int = 1_000, checkout: Path = ROOT
) -> Run:
    """Run `oversight watch --once` of a checkout over an index.

    Raises:
        SystemExit: the watcher fails.
    """
    environment = clean_environment(
        checkout,
        ELASTICSEARCH_URL=url,
        OVERSIGHT_ENRICH_URL=enrich_url,
        OVERSIGHT_INDEX=index,
        OVERSIGHT_WATCH_PAGE_SIZE=str(page_size),
        OVERSIGHT_WATCH_HEARTBEAT_S="0",
    )
    words: Sequence[str] = ["watch", "--once", "--json", *(["--slices", str(slices)] if slices > 1 else [])]
    with tempfile.TemporaryDirectory() as folder:
        child = psutil.Popen(
            [sys.executable, "-m", "oversight", *words],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        first = child.stdout.readline()
        before = child.cpu_times()
        last, peak_mb = first, 0.0
        for line in child.stdout:
            last = line if line.startswith(b'{"@timestamp"') else last
            peak_mb = max(peak_mb, _peak_mb(child.pid))
        _, status, used = os.wait4(child.pid, 0)
    if status:
        raise SystemExit(f"the watcher failed with status {status}: {last.decode()}")
    begin, end = (datetime.fromisoformat(orjson.loads(line)["@timestamp"]).timestamp() for line in (first, last))
    cpu_s = used.ru_utime + used.ru_stime - before.user - before.system
    return Run(end - begin, cpu_s, peak_mb)


def _peak_mb(pid: int) -> float:
    """Peak memory of a process; 0 if it has just ended. (The figure of `wait4` includes memory of its parent.)"""
    with contextlib.suppress(OSError):
        _, found, peak = Path(f"/proc/{pid}/status").read_text(encoding="ascii").partition("VmHWM:")
        return int(peak.split()[0]) / 1024 if found else 0.0
    return 0.0


def bare(url: str, index: str, constant: Mapping[str, Any], *, threads: int, page_size: int) -> Run:
    """Run the loop of `benchmarks.watcher.bare` over an index."""
    command = [
        sys.executable,
        "-m",
        "benchmarks.watcher.bare",
        "--url",
        url,
        "--index",
        index,
        "--threads",
        str(threads),
        "--page-size",
        str(page_size),
    ]
    done = subprocess.run(
        command, cwd=ROOT, env=clean_environment(), input=orjson.dumps(constant), stdout=subprocess.PIPE, check=True
    )
    return Run(**orjson.loads(done.stdout))
