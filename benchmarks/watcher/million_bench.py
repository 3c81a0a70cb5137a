"""Check that the watcher neither slows down nor grows over a million pending documents: cost and memory by stretch.

python -m benchmarks.watcher.million_bench --url URL [--other FOLDER] [--documents 1000000] [--slices 1]

    documents loaded, already parsed ──▶ `oversight watch --once` ──▶ at each stretch: seconds, processor time, memory

Cost is seconds a document: wall-clock time, and processor time of all processes. With `--other` the programs of another
checkout then do the same, with the Python packages of this checkout, on another clone of the same index. The indices
are deleted at the end.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson
import psutil

from benchmarks.enrich_service.load.processes import Server, serving
from benchmarks.watcher.engines import Engine, engine_at
from benchmarks.watcher.indices import cloned, kdd_rows, loaded
from benchmarks.watcher.programs import ROOT, clean_environment
from common.settings.connections import ElasticsearchSettings
from common.settings.shared import DEFAULT_MODEL
from oversight.client.cluster import client

ROWS = 10_000


@dataclass(frozen=True)
class Mark:
    """Processor seconds used so far, and the watcher's memory, at one moment."""

    documents: int
    at_s: float
    engine_s: float
    service_s: float
    watcher_s: float
    rss_mb: float


def main() -> None:
    """Print a table for each checkout, with one line for each stretch."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--url", help="an engine")
    parser.add_argument("--other", type=Path, help="folder of another checkout, for a comparison")
    parser.add_argument("--documents", type=int, default=1_000_000)
    parser.add_argument("--stretches", type=int, default=10)
    parser.add_argument("--slices", type=int, default=1)
    parser.add_argument("--page-size", type=int, default=1_000)
    arguments = parser.parse_args()
    if not arguments.url:
        sys.stdout.write(
            "no engine: name one with --url http://127.0.0.1:9200 (only the benchmark's own indices are touched)\n"
        )
        return
    begin_s = time.perf_counter()
    with client(ElasticsearchSettings(url=arguments.url)) as es:
        engine = engine_at(es, arguments.url)
        with loaded(es, kdd_rows(ROWS), arguments.documents) as index:
            sys.stdout.write(
                f"{engine.name}, {arguments.documents} documents loaded in {time.perf_counter() - begin_s:.0f} s, "
                f"{arguments.slices} slices\n"
            )
            tables = []
            for checkout in (ROOT, arguments.other.resolve()) if arguments.other else (ROOT,):
                model = checkout / DEFAULT_MODEL.relative_to(ROOT)
                with cloned(es, index) as clone, serving(model, folder=checkout, pinned=False) as service:
                    tables.append(_table(arguments, engine, service, clone, checkout))
    if arguments.other:
        _compare(*tables)


def _table(arguments: argparse.Namespace, engine: Engine, service: Server, index: str, checkout: Path) -> list[Mark]:
    sys.stdout.write(
        f"\n{checkout.name}, load {os.getloadavg()[0]:.1f}\n\n"
        "| documents | documents/s | engine, µs | service, µs | watcher, µs | watcher's memory, MB |\n"
        "|---|---|---|---|---|---|\n"
    )
    marks: list[Mark] = []
    for mark in _marks(arguments, engine, service, index, checkout):
        marks.append(mark)
        if len(marks) > 1:
            sys.stdout.write(_line(marks[-2], mark))
            sys.stdout.flush()
    _conclude(marks)
    return marks


def _marks(
    arguments: argparse.Namespace, engine: Engine, service: Server, index: str, checkout: Path
) -> Iterator[Mark]:
    environment = clean_environment(
        checkout,
        ELASTICSEARCH_URL=arguments.url,
        OVERSIGHT_ENRICH_URL=f"http://127.0.0.1:{service.port}",
        OVERSIGHT_INDEX=index,
        OVERSIGHT_WATCH_PAGE_SIZE=str(arguments.page_size),
        OVERSIGHT_WATCH_HEARTBEAT_S="0",
    )
    words = ["watch", "--once", *(["--slices", str(arguments.slices)] if arguments.slices > 1 else [])]
    stretch = arguments.documents // arguments.stretches
    with tempfile.TemporaryDirectory() as folder:
        child = psutil.Popen(
            [sys.executable, "-m", "oversight", *words], cwd=folder, env=environment, stdout=subprocess.PIPE
        )
        done, due = 0, 0
        for line in child.stdout:
            event = orjson.loads(line)
            done += event.get("watcher", {}).get("batch", {}).get("enriched", 0)
            if done >= due and not (due == 0 and done):
                used = child.cpu_times()
                yield Mark(
                    done,
                    time.perf_counter(),
                    engine.cpu_s(),
                    service.cpu_s(),
                    used.user + used.system,
                    child.memory_info().rss / 1e6,
                )
                due += stretch
        if child.wait() or done != arguments.documents:
            raise SystemExit(f"the watcher ended with {child.returncode} after {done} documents")


def _line(before: Mark, now: Mark) -> str:
    documents = now.documents - before.documents
    us = [
        (getattr(now, name) - getattr(before, name)) / documents * 1e6
        for name in ("engine_s", "service_s", "watcher_s")
    ]
    return (
        f"| {now.documents} | {documents / (now.at_s - before.at_s):,.0f} | {us[0]:.0f} | {us[1]:.0f} | {us[2]:.0f} | "
        f"{now.rss_mb:.0f} |\n"
    )


def _conclude(marks: list[Mark]) -> None:
    def cost(before: Mark, now: Mark) -> tuple[float, float]:
        used = sum(getattr(now, name) - getattr(before, name) for name in ("engine_s", "service_s", "watcher_s"))
        documents = now.documents - before.documents
        return (now.at_s - before.at_s) / documents, used / documents

    first, last = cost(*marks[:2]), cost(*marks[-2:])
    sys.stdout.write(
        f"\ncost of a document, last stretch / first: {last[0] / first[0]:.2f} by wall-clock time, "
        f"{last[1] / first[1]:.2f} by processor time; "
        f"peak memory of the watcher: {max(mark.rss_mb for mark in marks):.0f} MB\n"
    )


def _compare(here: list[Mark], there: list[Mark]) -> None:
    """Print the memory of the two. The first mark is after the first page; the second is the end of a stretch."""
    sys.stdout.write("\n| watcher's memory, MB | here | there | ratio |\n|---|---|---|---|\n")
    for what, place in (("after the first stretch", 1), ("at the end", -1)):
        mine, other = here[place].rss_mb, there[place].rss_mb
        sys.stdout.write(f"| {what} | {mine:.1f} | {other:.1f} | {mine / other:.3f} |\n")
    mine, other = (max(mark.rss_mb for mark in marks) for marks in (here, there))
    sys.stdout.write(f"| the most | {mine:.1f} | {other:.1f} | {mine / other:.3f} |\n")


if __name__ == "__main__":
    main()
