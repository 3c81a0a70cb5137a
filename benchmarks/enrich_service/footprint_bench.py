"""How fast the enrich service starts and how much memory it uses, compared with bare Flask and gunicorn.

python -m benchmarks.enrich_service.footprint_bench [--runs 5] [--workers 1]

The two start in turns, so that a busy machine slows both. A server is ready when a worker answers its first request;
for `oversight serve` that is `/v2/health/ready`, which runs the model on one row. Memory is what a worker has after ten
pages of 1,000 documents (for the bare server: ten requests of that size). USS is the memory that only this process
uses; RSS also counts memory that it shares with other processes.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import orjson
import psutil
import urllib3

from common.settings.shared import DEFAULT_MODEL
from contract.documents.paths import nest
from enrich_service.model.model_file import read
from oversight.demo.ports import free_port
from tests.servers import stop

BARE = """
from flask import Flask, request
app = Flask(__name__)
@app.get("/v2/health/ready")
def ready(): return {}
@app.post("/v1/enrich")
def enrich():
    request.get_data()
    return {}
"""
NEVER = ("tensorflow", "keras", "sklearn", "scikit", "pandas", "torch")
"""Libraries that a worker must not load."""
WAIT_S = 30.0
MIB = 1024 * 1024


@dataclass(frozen=True)
class Footprint:
    """Time and memory of one start."""

    ready_s: float
    cpu_s: float
    rss_mib: float
    uss_mib: float
    loaded: tuple[str, ...]


def main() -> None:
    """Measure, and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    found: dict[str, list[Footprint]] = {"bare Flask and gunicorn": [], "oversight serve": []}
    body = page()
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "bare.py").write_text(BARE, encoding="utf-8")
        for _ in range(options.runs):
            for name, runs in found.items():
                with started(name, Path(folder), options.workers) as (url, process, began):
                    runs.append(measure(url, process, began, body))
    lines = [
        "| | ready after, s | processor time until then, s | RSS of a worker, MiB | USS, MiB |",
        "|---|---|---|---|---|",
    ]
    for name, runs in found.items():
        row = [
            statistics.median(values)
            for values in zip(*((run.ready_s, run.cpu_s, run.rss_mib, run.uss_mib) for run in runs), strict=True)
        ]
        lines.append(f"| {name} | {row[0]:.2f} | {row[1]:.2f} | {row[2]:.0f} | {row[3]:.0f} |")
    loaded = {library for runs in found.values() for run in runs for library in run.loaded}
    lines.append(f"\nof {', '.join(NEVER)} a worker has loaded: {', '.join(sorted(loaded)) or 'none'}")
    sys.stdout.write("\n".join(lines) + "\n")


def page() -> bytes:
    """1,000 documents of harmless values, as the watcher sends them."""
    features = read(DEFAULT_MODEL).contract.features
    source = nest({feature.field: feature.background for feature in features})
    return orjson.dumps({"documents": [{"id": str(number), "source": source} for number in range(1000)]})


@contextmanager
def started(name: str, folder: Path, workers: int) -> Iterator[tuple[str, psutil.Popen, float]]:
    """Start one of the two servers; gives its address, parent process and start time."""
    port = free_port()
    commands = {
        "oversight serve": ["oversight", "serve", "--bind", f"127.0.0.1:{port}", "--workers", str(workers)],
        "bare Flask and gunicorn": [
            "gunicorn",
            "bare:app",
            "--bind",
            f"127.0.0.1:{port}",
            "--workers",
            str(workers),
            "--threads",
            "4",
            "--chdir",
            str(folder),
            "--no-control-socket",
        ],
    }
    env = {key: value for key, value in os.environ.items() if not key.startswith("OVERSIGHT_")}
    began = time.monotonic()
    process = psutil.Popen(
        [sys.executable, "-m", *commands[name]],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=env,
    )
    try:
        yield f"http://127.0.0.1:{port}", process, began
    finally:
        stop(process)


def measure(url: str, process: psutil.Popen, began: float, body: bytes) -> Footprint:
    """Wait until the server is ready, send ten pages, and measure its workers."""
    with urllib3.PoolManager(retries=False) as pool:
        while not answers(pool, url):
            if time.monotonic() - began > WAIT_S or process.poll() is not None:
                sys.exit(f"{process.args} did not become ready")
            time.sleep(0.01)
        ready_s = time.monotonic() - began
        family = [process, *process.children()]
        cpu_s = sum(sum(one.cpu_times()[:4]) for one in family)
        for _ in range(10):
            answer = pool.request("POST", f"{url}/v1/enrich", body=body, headers={"Content-Type": "application/json"})
            if answer.status != 200:
                sys.exit(f"{process.args} answers {answer.status} to a page")
    workers = [worker.memory_full_info() for worker in process.children()]
    files = [one.path for worker in process.children() for one in worker.memory_maps()]
    return Footprint(
        ready_s,
        cpu_s,
        max(worker.rss for worker in workers) / MIB,
        max(worker.uss for worker in workers) / MIB,
        tuple(name for name in NEVER if any(f"/{name}" in path for path in files)),
    )


def answers(pool: urllib3.PoolManager, url: str) -> bool:
    """Whether the server answers a first request with 200."""
    try:
        return bool(pool.request("GET", f"{url}/v2/health/ready", timeout=5).status == 200)
    except urllib3.exceptions.HTTPError:
        return False


if __name__ == "__main__":
    main()
