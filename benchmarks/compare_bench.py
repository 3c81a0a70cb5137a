"""Compare this checkout with another one, end to end: a table of ratios, each with its 95 % interval.

python -m benchmarks.compare_bench --other FOLDER [--url URL ...] [--data FILE] [--only watcher,pages,single,memory]

    git worktree add ../before COMMIT
    python -m benchmarks.compare_bench --other ../before --url http://127.0.0.1:9200

    watcher   `oversight watch --once` over pending documents of an engine, with `oversight serve`
    pages     requests of 1,000 documents: normal rows, then distinct attacks
    single    requests of one document: the highest rate, and the latency at half of that rate
    memory    the peak memory of a freshly started worker that answered the same pages

Each checkout runs its own programs and its own model, in separate processes, with the Python packages of this checkout.
The two are measured in pairs and take turns in going first, so that a busy machine slows both. A ratio is here / there;
the table shows the median over the pairs. The interval uses order statistics, so it holds for any distribution. Each
run creates its own indices and deletes them at the end. FILE is a labelled KDD Cup 99 file, such as the
10 % training set. Without it the rows come from the simulator; it has so few attacks that the service caches them all.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import statistics
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TypeVar

import numpy as np

from benchmarks.common.server_bench import peak_mb
from benchmarks.enrich_service.load.clients import Connection, closed, paced, request
from benchmarks.enrich_service.load.processes import ROOT, Server, keep_off_the_servers, serving
from benchmarks.enrich_service.load.traffic import rows_of, traffic
from benchmarks.watcher.engines import engine_at
from benchmarks.watcher.indices import cloned, kdd_rows, loaded
from benchmarks.watcher.programs import watched
from common.settings.connections import ElasticsearchSettings
from common.settings.shared import DEFAULT_MODEL
from enrich_service.model.model_file import read
from oversight.client.cluster import client
from training.data.records import Records

PAIRS = 9
PAGE, PAGES = 1_000, 60
SINGLES = 80_000
"""Enough for all pairs: a document that comes again is answered from a cache, and the caches differ."""
LATE = 99
"""The percentile of the latency to compare."""
KINDS = ("watcher", "pages", "single", "memory")
Pair = tuple[float, float]
"""A figure of this checkout, and the same figure of the other one."""
Servers = tuple[Server, Server]
T = TypeVar("T")


@dataclass(frozen=True)
class Plan:
    """What to measure."""

    folders: tuple[Path, Path]
    pairs: int
    seconds: float
    documents: int
    threads: int
    urls: Sequence[str]
    records: Records


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--other", type=Path, required=True, help="folder of another checkout")
    parser.add_argument(
        "--url", action="append", default=[], help="an engine for the watcher; may be given several times"
    )
    parser.add_argument("--data", type=Path, help="labelled KDD Cup 99 file")
    parser.add_argument("--pairs", type=int, default=PAIRS)
    parser.add_argument("--seconds", type=float, default=2.0, help="load on each server in each pair")
    parser.add_argument("--documents", type=int, default=20_000, help="pending documents in each run of the watcher")
    parser.add_argument("--threads", type=int, default=1, help="slices of the watcher")
    parser.add_argument("--only", default=",".join(KINDS), help=f"some of {', '.join(KINDS)}")
    given = parser.parse_args()
    folders = (ROOT, given.other.resolve())
    records, rows = rows_of(given.data)
    plan = Plan(folders, given.pairs, given.seconds, given.documents, given.threads, given.url, records)
    chosen = given.only.split(",")
    low, high = interval_places(plan.pairs)
    sys.stdout.write(
        f"{plan.pairs} pairs, pages of {rows}; interval from the {low + 1}. to the {high + 1}. ratio\n\n"
        "| figure | here | there | ratio | 95 % interval |\n|---|---|---|---|---|\n"
    )
    if "watcher" in chosen:
        for url in plan.urls:
            watcher_lines(plan, url)
    keep_off_the_servers()  # cannot be undone, so it comes after the watcher, which shares all cores
    if "pages" in chosen or "single" in chosen:
        with started(plan) as servers:
            if "pages" in chosen:
                page_lines(plan, servers)
            if "single" in chosen:
                single_lines(plan, servers)
    if "memory" in chosen:
        memory_line(plan)


def interval_places(pairs: int) -> tuple[int, int]:
    """Indices of the two sorted ratios that bound the 95 % interval of the median: of 9, the second and second last.

    Raises:
        SystemExit: there are too few pairs for such an interval.
    """
    below = 0.0
    for place in count():
        below += math.comb(pairs, place) / 2**pairs
        if below > 0.025:
            break
    if not place:
        raise SystemExit(f"--pairs {pairs}: a 95 % interval needs at least 6 pairs; use a larger number")
    return place - 1, pairs - place


def line(figure: str, pairs: Sequence[Pair], form: str = ",.0f") -> None:
    """Print one line."""
    ratios = sorted(here / there for here, there in pairs)
    low, high = interval_places(len(ratios))
    here, there = (statistics.median(column) for column in zip(*pairs, strict=True))
    sys.stdout.write(
        f"| {figure} | {here:{form}} | {there:{form}} | {statistics.median(ratios):.3f} | "
        f"{ratios[low]:.3f} to {ratios[high]:.3f} |\n"
    )
    sys.stdout.flush()


def in_pairs(plan: Plan, measure: Callable[[int], T]) -> list[tuple[T, T]]:
    """Call `measure(0)` for this checkout and `measure(1)` for the other, in alternating order."""
    found = []
    for number in range(plan.pairs):
        if number % 2:
            there = measure(1)
            found.append((measure(0), there))
        else:
            here = measure(0)
            found.append((here, measure(1)))
    return found


def model_of(folder: Path) -> Path:
    """Path of the model that a checkout ships."""
    return folder / DEFAULT_MODEL.relative_to(ROOT)


@contextlib.contextmanager
def started(plan: Plan, *, pinned: bool = True) -> Iterator[Servers]:
    """Run the service of each checkout."""
    with contextlib.ExitStack() as stack:
        here, there = (
            stack.enter_context(serving(model_of(folder), name=str(folder), folder=folder, pinned=pinned))
            for folder in plan.folders
        )
        yield here, there


def watcher_lines(plan: Plan, url: str) -> None:
    """Print documents a second, processor time and memory of the watcher with its service, on one engine."""
    rows = kdd_rows(min(plan.documents, 10_000))
    with (
        started(plan, pinned=False) as servers,
        client(ElasticsearchSettings(url=url)) as es,
        loaded(es, rows, plan.documents) as index,
    ):

        def run(which: int) -> tuple[float, float, float]:
            server = servers[which]
            with cloned(es, index) as clone:
                before_s = server.cpu_s()
                address = f"http://127.0.0.1:{server.port}"
                done = watched(url, address, clone, slices=plan.threads, checkout=plan.folders[which])
                cpu_s = done.cpu_s + server.cpu_s() - before_s
            return plan.documents / done.took_s, cpu_s / plan.documents * 1e6, done.peak_mb

        for which in (0, 1):  # warm up
            run(which)
        found = in_pairs(plan, run)
        name = engine_at(es, url).name
    rate, cpu_us, memory_mb = (
        [(here[place], there[place]) for here, there in found] for place in range(len(found[0][0]))
    )
    line(f"watcher, {name}, {plan.documents:,} pending, {plan.threads} slices: documents/s", rate)
    line(f"watcher, {name}: processor time of service and watcher, µs a document", cpu_us, ".1f")
    line(f"watcher, {name}: memory of the watcher, MB", memory_mb, ".1f")


class Feed:
    """Requests for one server. Each measurement continues after those of the one before.

    Args:
        requests: sent in turn; after the last one it starts again.
    """

    def __init__(self, requests: Sequence[bytes]) -> None:
        self._requests = requests
        self._place = 0

    def rest(self) -> Sequence[bytes]:
        """All requests, those that were not sent yet first."""
        return [*self._requests[self._place :], *self._requests[: self._place]]

    def sent(self, number: int) -> None:
        """Note how many of them were sent."""
        self._place = (self._place + number) % len(self._requests)


def page_lines(plan: Plan, servers: Servers) -> None:
    """Print documents a second for full pages."""
    for mix, what in (("normal", "normal rows"), ("attacks", "attacks with reasons")):
        requests = bodies(plan, mix, pages=PAGES, size=PAGE)
        rates, cpu_ms = rates_of(plan, servers, [Feed(requests), Feed(requests)], connections=2)
        line(f"pages of {PAGE:,}, {what}: documents/s", [(here * PAGE, there * PAGE) for here, there in rates])
        line(f"pages of {PAGE:,}, {what}: processor time, ms a page", cpu_ms, ".1f")


def single_lines(plan: Plan, servers: Servers) -> None:
    """Print rate and latency of requests of one document."""
    requests = bodies(plan, "distinct", pages=SINGLES, size=1)
    feeds = [Feed(requests), Feed(requests)]
    rates, cpu_ms = rates_of(plan, servers, feeds, connections=2)
    line("single documents: requests/s", rates)
    line("single documents: processor time, ms a request", cpu_ms, ".2f")
    half = min(min(pair) for pair in rates) / 2

    def late_ms(which: int) -> float:
        feed = feeds[which]
        latency_s = paced(servers[which], feed.rest(), per_s=half, seconds=2 * plan.seconds, connections=32)
        feed.sent(len(latency_s))
        return float(np.percentile(latency_s, LATE)) * 1e3

    line(f"single documents: p{LATE} at {half:,.0f} requests/s, ms", in_pairs(plan, late_ms), ".2f")


def memory_line(plan: Plan) -> None:
    """Print the peak memory of a worker."""
    requests = bodies(plan, "distinct", pages=PAGES, size=PAGE)

    def peak(which: int) -> float:
        folder = plan.folders[which]
        with serving(model_of(folder), name=str(folder), folder=folder) as server:
            connection = Connection(server.port)
            with contextlib.closing(connection):
                for each in requests:
                    connection.ask(each)
            return peak_mb(server)

    line("memory of a worker, MB", in_pairs(plan, peak), ".1f")


def bodies(plan: Plan, mix: str, *, pages: int, size: int) -> list[bytes]:
    """HTTP requests with rows of a mix."""
    contract = read(DEFAULT_MODEL).contract
    return [request("/v1/enrich", body) for body in traffic(plan.records, mix, contract, pages=pages, size=size).bodies]


def rates_of(plan: Plan, servers: Servers, feeds: Sequence[Feed], *, connections: int) -> tuple[list[Pair], list[Pair]]:
    """Requests a second, and milliseconds of processor time for each."""

    def measure(which: int) -> Pair:
        before_s = servers[which].cpu_s()
        found = closed(servers[which], feeds[which].rest(), seconds=plan.seconds, connections=connections)
        feeds[which].sent(found.requests)
        return found.per_s, (servers[which].cpu_s() - before_s) / found.requests * 1e3

    for which in (0, 1):  # warm up
        measure(which)
    found = in_pairs(plan, measure)
    return [(here[0], there[0]) for here, there in found], [(here[1], there[1]) for here, there in found]


if __name__ == "__main__":
    main()
