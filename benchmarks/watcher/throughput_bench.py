"""Documents a second: the watcher with the enrich service and the real model, compared with a loop without a model.

python -m benchmarks.watcher.throughput_bench --url URL [--url URL] [--documents N] [--threads 1,2]
    [--page-sizes 1000,2000]

    bare      point in time ──▶ page ──▶ bulk update with a constant prediction of the usual size, in T threads
    watcher   `oversight watch --once --slices T`, and `oversight serve` with the shipped model

Both run as separate processes and in turns. They read the same documents from the same segments with the same client,
and write with compare and set. Each runs at every page size; the ratio compares the best run of each. `--pin` prints a
second table: the engine has one core and all clients share the others, which is closer to a cluster on separate
machines. Without it all processes share all cores. The benchmark creates its own indices and deletes them at the end.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import sys
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import orjson

from benchmarks.watcher.engines import Engine, alone_on_a_core, engine_at
from benchmarks.watcher.indices import cloned, kdd_rows, loaded
from benchmarks.watcher.programs import Run, Service, bare, served, watched
from common.settings.connections import ElasticsearchSettings
from oversight.client.cluster import client

HEAD = """
| threads | bare, best (page) | watcher, best (page) | ratio | bare, µs of engine + loop | watcher, µs of all three |
|---|---|---|---|---|---|
"""


@dataclass
class Figures:
    """The runs of a program, by page size."""

    documents: int
    runs: dict[int, list[Run]] = field(default_factory=dict)
    cpu_us: dict[int, list[tuple[float, ...]]] = field(default_factory=dict)
    """Processor time per document of each process."""

    def add(self, size: int, run: Run, others_s: Sequence[float]) -> None:
        """Add a run at a page size; the processor time of the other processes comes first."""
        self.runs.setdefault(size, []).append(run)
        self.cpu_us.setdefault(size, []).append(
            tuple(used_s / self.documents * 1e6 for used_s in (*others_s, run.cpu_s))
        )

    @property
    def best_size(self) -> int:
        """The page size of the fastest run."""
        return min(self.runs, key=lambda size: min(run.took_s for run in self.runs[size]))

    @property
    def rate(self) -> float:
        """Documents a second of the fastest run."""
        return self.documents / min(run.took_s for run in self.runs[self.best_size])

    def shares(self) -> str:
        """Median processor time per document of each process, at the best page size."""
        return " + ".join(
            f"{statistics.median(column):.0f}" for column in zip(*self.cpu_us[self.best_size], strict=True)
        )


def main() -> None:
    """Print a table for each engine, two with `--pin`."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--url", action="append", default=[], help="an engine; may be given several times")
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=1, help="runs of each program at each page size, in turns")
    parser.add_argument("--threads", default="1,2", help="threads of the bare loop, and slices of the watcher")
    parser.add_argument("--page-sizes", default="1000,2000", help="page sizes of both")
    parser.add_argument("--pin", action="store_true", help="measure again with the engine alone on one core")
    arguments = parser.parse_args()
    if not arguments.url:
        sys.stdout.write("no engine: name one with --url http://127.0.0.1:9200 (only its own indices are touched)\n")
        return
    with served() as service:
        for url in arguments.url:
            _engine(url, service, arguments)


def _engine(url: str, service: Service, arguments: argparse.Namespace) -> None:
    rows = kdd_rows(min(arguments.documents, 10_000))
    constant = usual_prediction(service.url, rows)
    with client(ElasticsearchSettings(url=url)) as es, loaded(es, rows, arguments.documents) as index:
        engine = engine_at(es, url)
        for alone in (False, True) if arguments.pin else (False,):
            where = (
                "the engine alone on a core, all clients on the others" if alone else "all processes share all cores"
            )
            sys.stdout.write(
                f"\n{engine.name}, {where}: {arguments.documents} documents, a constant of "
                f"{len(orjson.dumps(constant))} bytes, load {os.getloadavg()[0]:.1f}\n{HEAD}"
            )
            with alone_on_a_core(engine, service.process) if alone else contextlib.nullcontext():
                for threads in map(int, arguments.threads.split(",")):
                    sys.stdout.write(_line(url, engine, service, index, constant, threads, arguments) + "\n")
                    sys.stdout.flush()


def _line(
    url: str,
    engine: Engine,
    service: Service,
    index: str,
    constant: Mapping[str, Any],
    threads: int,
    arguments: argparse.Namespace,
) -> str:
    loop, watcher = Figures(arguments.documents), Figures(arguments.documents)

    def run(figures: Figures, size: int, program: Callable[[str], Run], *others: Engine | Service) -> None:
        with client(ElasticsearchSettings(url=url)) as es, cloned(es, index) as clone:
            before = [other.cpu_s() for other in others]
            done = program(clone)
            figures.add(size, done, [other.cpu_s() - was for other, was in zip(others, before, strict=True)])

    for _ in range(arguments.rounds):
        for size in map(int, arguments.page_sizes.split(",")):
            run(loop, size, partial(bare, url, constant=constant, threads=threads, page_size=size), engine)
            run(
                watcher,
                size,
                partial(watched, url, service.url, slices=threads, page_size=size),
                engine,
                service,
            )
    return (
        f"| {threads} | {loop.rate:,.0f}/s ({loop.best_size}) | {watcher.rate:,.0f}/s ({watcher.best_size}) | "
        f"{watcher.rate / loop.rate:.2f} | {loop.shares()} | {watcher.shares()} |"
    )


def usual_prediction(enrich_url: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The partial document whose size is nearest to the mean, so that both programs write about the same bytes."""
    page = [{"id": str(number), "source": {"kdd99": row}} for number, row in enumerate(rows[:5_000])]
    request = urllib.request.Request(  # noqa: S310  our own loopback address
        f"{enrich_url}/v1/enrich", orjson.dumps({"documents": page}), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        found = [result["fields"] for result in orjson.loads(answer.read())["results"]]
    for fields in found:
        fields["oversight"]["status"] = "enriched"
        fields["oversight"]["prediction"] |= {"at": "2026-01-01T00:00:00.000Z", "delay_s": 1.234}
    mean = statistics.mean(len(orjson.dumps(fields)) for fields in found)
    return min(found, key=lambda fields: abs(len(orjson.dumps(fields)) - mean))


if __name__ == "__main__":
    main()
