"""How long `oversight provision` takes where everything stands already, as the whole process that a start script waits
for.

python -m benchmarks.es_pipelines.provision_bench [--url URL ...] [--runs N]

    first     creates everything
    second    finds everything as it should be and writes nothing; --runs of them
    --help    the program alone, in turns with it: what Python and the imports cost

An engine is named by --url, several times for several; the embedded one is started besides. A namespace of its own,
which is removed at the end with all that is in it.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

from elasticsearch import Elasticsearch

from benchmarks.es_pipelines.removal import remove
from common.settings.shared import DEFAULT_MODEL
from enrich_service.model.model_file import read_contract
from es_pipelines.provision.apply import plan
from oversight.demo import embedded
from oversight.demo.children import Children

GOAL_S = 2.0
"""A second run on a provisioned cluster stays below this."""


class Counted(Elasticsearch):
    """A client that counts its requests."""

    requests = 0

    def perform_request(self, method: str, path: str, **options: Any) -> Any:
        """Send it."""
        self.requests += 1
        return super().perform_request(method, path, **options)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--url", action="append", default=[], help="a cluster; only a namespace of our own is touched")
    parser.add_argument("--runs", type=int, default=5, help="second runs on each engine")
    arguments = parser.parse_args()
    say("| engine | first run, s | second run, s: median (slowest) | processor time, s | program alone, s | requests |")
    say("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        children = Children(Path(folder))
        try:
            slowest = max(
                measure(url, arguments.runs, Path(folder)) for url in (embedded.start(children)[1], *arguments.url)
            )
        finally:
            children.stop_all()
    say(f"\nthe slowest second run took {slowest:.2f} s; the goal is {GOAL_S:g} s")


def measure(url: str, runs: int, folder: Path) -> float:
    """One line of the table; the slowest second run in seconds."""
    namespace = f"bench{uuid.uuid4().hex[:8]}"
    environment = {**os.environ, "ELASTICSEARCH_URL": url, "OVERSIGHT_NAMESPACE": namespace}
    es = Counted(url, request_timeout=60)
    with es:
        try:
            first, _ = timed(["provision"], environment, folder)
            second, alone = [], []
            for _ in range(runs):
                second.append(timed(["provision"], environment, folder))
                alone.append(timed(["provision", "--help"], environment, folder)[0])
            es.requests = 0
            planned, _, _ = plan(es, read_contract(DEFAULT_MODEL), namespace=namespace)
            requests = es.requests
            if planned.writes:
                raise SystemExit(
                    f"a second run on {url} would write {len(planned.writes)} resources: that is no second run"
                )
            number = planned.facts["version"]
        finally:
            remove(es, namespace)
    walls, used = [wall for wall, _ in second], statistics.median(cpu for _, cpu in second)
    say(
        f"| {number} at {url} | {first:.2f} | {statistics.median(walls):.2f} ({max(walls):.2f}) | {used:.2f} "
        f"| {statistics.median(alone):.2f} | {requests} |"
    )
    return max(walls)


def timed(words: list[str], environment: dict[str, str], folder: Path) -> tuple[float, float]:
    """Seconds of the clock and of the processor that a command takes."""
    before, began = os.times(), time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "oversight", *words], env=environment, cwd=folder, stdout=subprocess.DEVNULL, check=True
    )
    wall, after = time.perf_counter() - began, os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return wall, used


def say(line: str) -> None:
    """One line of the result."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
