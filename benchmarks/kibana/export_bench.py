"""Seconds that `oversight kibana export` takes: as a process, and the building of the objects alone.

python -m benchmarks.kibana.export_bench [--runs N]

    contract ──▶ saved objects ──▶ NDJSON     in this process; processor time, best and median
    `oversight kibana export --output FILE`   a new process each; processor time and wall clock, best and median

Both make the same file; its bytes are compared over all runs.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from common.settings.shared import DEFAULT_MODEL
from enrich_service.model.model_file import read_contract
from kibana.saved_objects.compile import saved_objects
from kibana.saved_objects.objects import Names, ndjson

HEAD = "\n| what | best, s | median, s | objects | bytes |\n|---|---|---|---|---|"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=9)
    runs = parser.parse_args().runs
    contract = read_contract(DEFAULT_MODEL)
    files: set[str] = set()

    def built() -> bytes:
        return ndjson(saved_objects(contract, Names()))

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "oversight.ndjson"

        def exported() -> bytes:
            command = [sys.executable, "-m", "oversight", "kibana", "export", "--output", str(path)]
            subprocess.run(command, check=True, capture_output=True)
            return path.read_bytes()

        rows = [
            _row("building the objects (processor time)", built, time.process_time, runs, files),
            _row("`oversight kibana export` (processor time)", exported, _children_s, runs, files),
            _row("`oversight kibana export` (wall clock)", exported, time.perf_counter, runs, files),
        ]
    sys.stdout.write("\n".join([HEAD, *rows]) + "\n")
    if len(files) != 1:
        sys.exit(f"{len(files)} different files were made, expected one")


def _children_s() -> float:
    """Processor time of all processes that were started and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _row(what: str, make: Callable[[], bytes], clock: Callable[[], float], runs: int, files: set[str]) -> str:
    taken = []
    content = b""
    for _ in range(runs):
        before = clock()
        content = make()
        taken.append(clock() - before)
        files.add(sha256(content).hexdigest())
    objects = content.count(b"\n")
    return f"| {what} | {min(taken):.3f} | {statistics.median(taken):.3f} | {objects} | {len(content):,} |"


if __name__ == "__main__":
    main()
