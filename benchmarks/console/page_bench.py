"""How long all panels of a dashboard take: as one _msearch, and as a page in a browser.

python -m benchmarks.console.page_bench --url http://127.0.0.1:9200 [--documents 100000] [--rounds 5] [--only search]

    _msearch   the searches of the page, sent by this process: time of the engine and of the network
    page       Chromium opens the page of `oversight console`: from the click to the last drawn chart

The two take turns. Each begins at a time of its own, inside the events: a range that holds all of them is the same
query for the engine, which then answers from its request cache. The last line says how often it still did; the counts
above the page have no time range, so they are the same each time. The
benchmark creates its own installation and deletes it at the end; `--keep NAMESPACE` keeps it, and uses it again
if it exists. A page must be ready within 1.5 times the _msearch plus 1 s.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import psutil
from elasticsearch import Elasticsearch
from werkzeug.datastructures import MultiDict

from benchmarks.console.sample_documents import beat, documents, heartbeat, load
from benchmarks.es_pipelines.removal import remove
from common.settings.shared import DEFAULT_MODEL
from console.panels.board import page
from console.panels.indices import Indices
from console.panels.models import show
from console.panels.scope import asked
from console.panels.searches import Engine, Search, SearchResponse
from contract.documents.fields import stream_name
from enrich_service.model.model_file import read_contract
from es_pipelines.provision.apply import provision
from oversight.client import cluster
from oversight.demo.ports import free_port

HOURS, SHOWN_H = 160.0, 150.0
"""Hours of the events, and hours that the first page shows."""
CHROMIUM = "/usr/bin/chromium"
FACTOR, EXTRA_S = 1.5, 1.0
WAIT_S = 60.0


def main() -> None:
    """Fill an installation, measure, print the table."""
    options = _options()
    if options.url is None:
        sys.stdout.write("name an engine with --url, such as the OpenSearch of ../shared/realengine\n")
        return
    with Elasticsearch(options.url, request_timeout=120) as es, _installation(es, options) as namespace:
        pages = show(read_contract(DEFAULT_MODEL)).boards.dashboards
        cached = _cache_hits(es, namespace)
        timed = {one.id: _search(options.url, namespace, one.id) for one in pages}
        searches: dict[str, list[float]] = {one.id: [] for one in pages}
        ready: dict[str, list[float]] = {one.id: [] for one in pages}
        with _browser(options, namespace) as open_page:
            for turn in range(options.rounds + 1):
                for one in pages:
                    hours = SHOWN_H - turn - pages.index(one) / 10
                    took, opened = timed[one.id](hours), open_page(one.id, hours - 0.05)
                    if turn:  # the first round warms the engine, the console and the browser
                        searches[one.id].append(took)
                        ready[one.id].append(opened)
        _print(options, es, searches, ready)
        sys.stdout.write(f"\nanswers from the engine's request cache: {_cache_hits(es, namespace) - cached:,}\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Time of a page of the console.")
    parser.add_argument("--url", help="an engine with pipelines and data streams")
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=("search",), help="measure without the browser")
    parser.add_argument("--keep", metavar="NAMESPACE", help="keep the installation, and use it again next time")
    return parser.parse_args()


def _cache_hits(es: Elasticsearch, namespace: str) -> int:
    stats = es.indices.stats(index=stream_name(namespace), metric="request_cache")
    return int(stats["_all"]["total"]["request_cache"]["hit_count"])


@contextlib.contextmanager
def _installation(es: Elasticsearch, options: argparse.Namespace) -> Iterator[str]:
    namespace = options.keep or f"bench{uuid.uuid4().hex[:10]}"
    index, now = stream_name(namespace), datetime.now(UTC)
    try:
        there = es.options(ignore_status=404).count(index=index).get("count", 0)
        if there != options.documents:
            remove(es, namespace)
            provision(es, read_contract(DEFAULT_MODEL), namespace=namespace)
            began = time.monotonic()
            load(es, documents(options.documents, end=now, hours=HOURS), index, threads=2)
            sys.stderr.write(f"{options.documents:,} documents in {time.monotonic() - began:.0f} s\n")
            es.indices.forcemerge(index=index, max_num_segments=4)
            beat(es, namespace, heartbeat(now))
        yield namespace
    finally:
        if options.keep is None:
            remove(es, namespace)


class _Timed(Engine):
    """An engine that adds up the time of its requests."""

    took_s = 0.0

    def msearch(self, searches: Sequence[Search]) -> list[SearchResponse]:
        """Send the searches and measure the time."""
        began = time.perf_counter()
        try:
            return super().msearch(searches)
        finally:
            self.took_s += time.perf_counter() - began


def _search(url: str, namespace: str, name: str) -> Callable[[float], float]:
    """A function that requests a page for a number of hours and returns the seconds that it took."""
    engine = _Timed(lambda: Elasticsearch(url), lambda error: str(cluster.explain(error, url)), timeout_s=120.0)
    shown = show(read_contract(DEFAULT_MODEL))
    board = shown.page(name)
    assert board is not None  # noqa: S101  the name comes from the same list

    def timed(hours: float) -> float:
        wanted = asked(MultiDict([("from", f"now-{int(hours * 60)}m")]), board)
        began = time.perf_counter()
        page(
            engine,
            board,
            wanted,
            indices=Indices(namespace),
            colours=shown.boards.colours,
            now_ms=time.time_ns() // 10**6,
        )
        return time.perf_counter() - began

    return timed


@contextlib.contextmanager
def _browser(options: argparse.Namespace, namespace: str) -> Iterator[Callable[[str, float], float]]:
    """A function that opens a page for a number of hours in a browser and returns the seconds until it was drawn."""
    if options.only == "search":
        yield lambda _name, _hours: float("nan")
        return
    from playwright.sync_api import sync_playwright

    with _console(options.url, namespace) as address, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])

        def open_page(name: str, hours: float) -> float:
            context = browser.new_context(viewport={"width": 1440, "height": 900})  # with an empty cache
            window = context.new_page()
            began = time.perf_counter()
            window.goto(f"{address}/{name}?from=now-{int(hours * 60)}m")
            window.wait_for_selector("body[data-ready]", timeout=WAIT_S * 1000)
            took = time.perf_counter() - began
            context.close()
            return took

        yield open_page
        browser.close()


@contextlib.contextmanager
def _console(url: str, namespace: str) -> Iterator[str]:
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("OVERSIGHT_", "ELASTICSEARCH_"))
    }
    with tempfile.TemporaryDirectory() as folder:
        environment |= {"ELASTICSEARCH_URL": url, "OVERSIGHT_NAMESPACE": namespace, "OVERSIGHT_STATE": folder}
        command = [sys.executable, "-m", "oversight", "console", "--bind", f"127.0.0.1:{port}"]
        process = psutil.Popen(command, env=environment, cwd=Path(folder), stdout=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + WAIT_S
            while time.monotonic() < deadline:
                url = f"{address}/health/live"
                with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=2):  # noqa: S310
                    break
                time.sleep(0.1)
            yield address
        finally:
            process.terminate()
            process.wait(timeout=30)


def _print(
    options: argparse.Namespace, es: Elasticsearch, searches: dict[str, list[float]], ready: dict[str, list[float]]
) -> None:
    version = es.info()["version"]
    engine = f"{version.get('distribution', 'elasticsearch')} {version['number']}"
    lines = [f"{options.documents:,} events, {engine}, median of {options.rounds} rounds", ""]
    lines += ["| dashboard | panels | one _msearch, s | page ready, s | allowed, s |", "|---|---|---|---|---|"]
    boards = {one.id: one for one in show(read_contract(DEFAULT_MODEL)).boards.dashboards}
    for name, times in searches.items():
        took, opened = statistics.median(times), statistics.median(ready[name])
        allowed = FACTOR * took + EXTRA_S
        lines.append(
            f"| {boards[name].title} | {len(boards[name].panels)} | {took:.3f} | {opened:.2f} | {allowed:.2f} |"
        )
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
