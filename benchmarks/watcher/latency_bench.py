"""Seconds from arrival to prediction at a steady rate, compared with refresh interval plus poll interval.

python -m benchmarks.watcher.latency_bench --url URL [--url URL] [--rate 100] [--seconds 60]
    [--refresh-s 1] [--poll-s 1]

    writer, N documents a second ──▶ index ─▶ `oversight watch` ─▶ prediction
          └── event.ingested                                        ├── oversight.prediction.at, the watcher's clock
                                                                    └── a reader that polls some of the documents

The benchmark creates its own index and deletes it at the end.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from elasticsearch import Elasticsearch

from benchmarks.watcher.engines import engine_at
from benchmarks.watcher.indices import create, kdd_rows, pending
from benchmarks.watcher.programs import Service, clean_environment, served
from common.settings.connections import ElasticsearchSettings
from contract.documents.fields import ENRICHED, PENDING, STATUS
from oversight.client.cluster import client
from oversight.demo.children import Children
from watcher.write.actions import iso_millis

BATCH_S = 0.1
"""Seconds between two bulk requests of the writer."""
READ_EVERY, READ_S = 10, 0.05
"""The reader polls every tenth document at this interval."""
DRAIN_S = 60.0
SLACK_S = 0.5


def main() -> None:
    """Print a table for each engine."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--url", action="append", default=[])
    parser.add_argument("--rate", type=int, default=100, help="documents a second")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--refresh-s", type=int, default=1)
    parser.add_argument("--poll-s", type=float, default=1.0)
    arguments = parser.parse_args()
    if not arguments.url:
        sys.stdout.write(
            "no engine: name one with --url http://127.0.0.1:9200 (only the benchmark's own index is touched)\n"
        )
        return
    with served() as service:
        for url in arguments.url:
            _measure(url, service, arguments)


def _measure(url: str, service: Service, arguments: argparse.Namespace) -> None:
    rows = kdd_rows(5_000)
    with client(ElasticsearchSettings(url=url)) as es:
        index = create(es, rows, refresh=f"{arguments.refresh_s}s")
        try:
            with watching(url, service.url, index, poll_s=arguments.poll_s):
                seen = _play(es, index, rows, arguments)
            es.indices.refresh(index=index)
            delays_s = _delays_s(es, index)
        finally:
            es.indices.delete(index=index)
        wanted_s = arguments.refresh_s + arguments.poll_s
        sys.stdout.write(
            f"\n{engine_at(es, url).name}, {arguments.rate} documents a second for {arguments.seconds} s, "
            "refresh every "
            f"{arguments.refresh_s} s, poll every {arguments.poll_s} s, load {os.getloadavg()[0]:.1f}\n\n"
            "| clock | documents | p50, s | p95, s | p99, s | worst, s | p95 allowed, s "
            "|\n|---|---|---|---|---|---|---|\n"
            f"{_line('prediction.at - event.ingested', delays_s, wanted_s)}{_line('a reader', seen, wanted_s)}"
        )
        sys.stdout.flush()


def _line(name: str, lags_s: Sequence[float], wanted_s: float) -> str:
    ordered = sorted(lags_s)
    p50, p95, p99 = (ordered[math.ceil(share * len(ordered)) - 1] for share in (0.5, 0.95, 0.99))
    return (
        f"| {name} | {len(ordered)} | {p50:.2f} | {p95:.2f} | {p99:.2f} | {ordered[-1]:.2f} | "
        f"{wanted_s + SLACK_S:.2f} |\n"
    )


@contextlib.contextmanager
def watching(url: str, enrich_url: str, index: str, *, poll_s: float, slices: int = 1) -> Iterator[None]:
    """A watcher that runs until the block ends."""
    environment = clean_environment(
        ELASTICSEARCH_URL=url,
        OVERSIGHT_ENRICH_URL=enrich_url,
        OVERSIGHT_INDEX=index,
        OVERSIGHT_WATCH_POLL_INTERVAL_S=str(poll_s),
        OVERSIGHT_WATCH_SLICES=str(slices),
        OVERSIGHT_WATCH_HEARTBEAT_S="0",
        OVERSIGHT_WATCH_METRICS_BIND="",
    )
    with tempfile.TemporaryDirectory() as folder:
        children, log = Children(Path(folder)), Path(folder) / "watch.log"
        child = children.start([sys.executable, "-m", "oversight", "watch"], log=log, env=environment)
        try:
            while b'"start"' not in log.read_bytes():
                time.sleep(0.1)
            yield
            if child.poll() is not None:
                raise SystemExit(log.read_text(encoding="utf-8")[-2000:])
        except subprocess.SubprocessError:
            raise SystemExit(log.read_text(encoding="utf-8")[-2000:]) from None
        finally:
            children.stop_all()


def _play(
    es: Elasticsearch, index: str, rows: Sequence[Mapping[str, Any]], arguments: argparse.Namespace
) -> list[float]:
    """Write documents at the rate; returns the seconds until the reader saw each prediction."""
    waiting: dict[str, float] = {}
    seen: list[float] = []
    over = threading.Event()
    reader = threading.Thread(target=_read, args=(es, index, waiting, seen, over), name="reader")
    reader.start()
    each, begin_s, number = max(1, round(arguments.rate * BATCH_S)), time.perf_counter(), 0
    try:
        while number < arguments.rate * arguments.seconds:
            lines: list[Mapping[str, Any]] = []
            now = datetime.now(UTC)
            arrival = iso_millis(now)
            for n in range(number, number + each):
                document = pending(rows, n)
                document["event"]["ingested"] = document["@timestamp"] = arrival
                lines += [{"create": {"_index": index, "_id": f"doc-{n}"}}, document]
            es.bulk(operations=lines)
            waiting.update({f"doc-{n}": now.timestamp() for n in range(number, number + each) if n % READ_EVERY == 0})
            number += each
            time.sleep(max(0.0, begin_s + number / arguments.rate - time.perf_counter()))
        deadline_s = time.monotonic() + DRAIN_S
        while waiting and time.monotonic() < deadline_s:
            time.sleep(READ_S)
    finally:
        over.set()
        reader.join()
    if waiting:
        raise SystemExit(f"{len(waiting)} documents have no prediction after {DRAIN_S:.0f} s")
    return seen


def _read(es: Elasticsearch, index: str, waiting: dict[str, float], seen: list[float], over: threading.Event) -> None:
    """Poll the waiting documents by id, which needs no refresh, and record when each has its prediction."""
    while not over.wait(READ_S):
        ids = list(waiting)
        if not ids:
            continue
        found = es.mget(index=index, ids=ids, source_includes=[STATUS])["docs"]
        now_s = time.time()
        done = [one["_id"] for one in found if one.get("_source", {}).get("oversight", {}).get("status") == ENRICHED]
        seen += [now_s - waiting.pop(doc_id) for doc_id in done]


def _delays_s(es: Elasticsearch, index: str) -> list[float]:
    """`oversight.prediction.delay_s` of every document."""
    if int(es.count(index=index, query={"term": {STATUS: PENDING}})["count"]):
        raise SystemExit("documents are still pending; the figure would be wrong")
    hits = es.search(index=index, size=10_000, source_includes=["oversight.prediction.delay_s"])["hits"]["hits"]
    return [float(hit["_source"]["oversight"]["prediction"]["delay_s"]) for hit in hits]


if __name__ == "__main__":
    main()
