"""How long `oversight provision` takes if all resources exist already: the whole process, as a start script runs it.

python -m benchmarks.es_pipelines.provision_bench [--url URL ...] [--runs N]

    first     creates everything
    second    finds that nothing must change and writes nothing; runs --runs times
    --help    the program alone, in turns with the second run: the cost of Python and the imports

Name an engine with `--url`; repeat the option for several. The benchmark also starts the embedded engine. It uses a
new namespace and removes it at the end.
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
"""A second run on a provisioned cluster must stay below this."""


class Counted(Elasticsearch):
    """A client that counts its requests."""

    requests = 0

    def perform_request(self, method: str, path: str, **options: Any) -> Any:
        """Count the request and send it."""
        self.requests += 1
        return super().perform_request(method, path, **options)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--url", action="append", default=[], help="a cluster; only a new namespace is touched")
    parser.add_argument("--runs", type=int, default=5, help="number of second runs on each engine")
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
    """Print one line of the table; returns the slowest second run in seconds."""
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
                raise SystemExit(f"a second run on {url} would write {len(planned.writes)} resources; expected none")
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
    """Run a command; returns its wall-clock seconds and its processor seconds."""
    before, began = os.times(), time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "oversight", *words], env=environment, cwd=folder, stdout=subprocess.DEVNULL, check=True
    )
    wall, after = time.perf_counter() - began, os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return wall, used


def say(line: str) -> None:
    """Print one line of the result."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
