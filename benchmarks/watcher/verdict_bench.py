"""A bulk verdict beside a bare loop that only reads and writes, in turn on one real engine.

    python -m benchmarks.watcher.verdict_bench URL [--events 10000] [--pairs 5]

The bare loop pages through a point in time and sends bulk updates with `if_seq_no`, with the same fields and page size,
and nothing else: no check of what was seen, of the verdict, of the response.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import threading
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from elasticsearch import Elasticsearch

from benchmarks.console.sample_documents import documents, load
from contract.documents.fields import FIELDS, properties
from watcher.operations.selection import enriched
from watcher.verdicts.bulk import Hooks
from watcher.verdicts.chosen import PAGE, Point
from watcher.verdicts.feedback import READ, Verdict
from watcher.verdicts.judge import judge_point
from watcher.verdicts.undo import Before


def ours(es: Elasticsearch, index: str, verdict: str) -> int:
    """The console's way, with everything that an undo needs."""
    before, stop = Before(), threading.Event()
    with Point(es, index, enriched(), stop=stop) as point:
        tally = judge_point(point, Verdict(verdict, "ann"), labels=None, stop=stop, hooks=Hooks(wrote=before.add))
    before.close()
    return tally.written


def bare(es: Elasticsearch, index: str, verdict: str) -> int:
    """Read and write, nothing else."""
    es.indices.refresh(index=index)
    pit, after, written = es.open_point_in_time(index=index, keep_alive="600s")["id"], None, 0
    feedback = {"verdict": verdict, "by": "nobody", "at": datetime.now(UTC).isoformat()}
    while True:
        found = es.search(
            pit={"id": pit, "keep_alive": "600s"},
            query=enriched(),
            sort=[{"event.ingested": "asc"}, {"_shard_doc": "asc"}],
            size=PAGE,
            search_after=after,
            seq_no_primary_term=True,
            source={"includes": list(READ)},
            track_total_hits=False,
        )["hits"]["hits"]
        if not found:
            break
        lines: list[dict[str, Any]] = []
        for hit in found:
            target = {"_index": hit["_index"], "_id": hit["_id"]}
            target |= {"if_seq_no": hit["_seq_no"], "if_primary_term": hit["_primary_term"]}
            lines += [{"update": target}, {"doc": {"oversight": {"feedback": feedback}}}]
        written += len(es.bulk(operations=lines)["items"])
        after = found[-1]["sort"]
    es.close_point_in_time(id=pit)
    es.indices.refresh(index=index)
    return written


def timed(way: Callable[[Elasticsearch, str, str], int], es: Elasticsearch, index: str, verdict: str) -> float:
    """Return the documents per second of one run."""
    began = time.perf_counter()
    written = way(es, index, verdict)
    return written / (time.perf_counter() - began)


def main() -> None:
    """Print the ratio of each pair and their median."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("url")
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--pairs", type=int, default=5)
    args = parser.parse_args()
    index = f"verdict-bench-{uuid.uuid4().hex[:8]}"
    with Elasticsearch(args.url, request_timeout=120) as es:
        settings = {"number_of_shards": 1, "number_of_replicas": 0}
        es.indices.create(index=index, mappings={"dynamic": False, "properties": properties(FIELDS)}, settings=settings)
        try:
            made = documents(args.events, end=datetime.now(UTC), hours=20.0)
            load(es, made, index)
            measure(es, index, args.pairs)
        finally:
            es.indices.delete(index=index)


def measure(es: Elasticsearch, index: str, pairs: int) -> None:
    """Run both ways in turn; each run writes other values, so no write is left out."""
    ratios = []
    for number in range(pairs + 1):
        first, second = ("true_positive", "false_positive") if number % 2 else ("false_positive", "true_positive")
        pair = {way: timed(way, es, index, word) for way, word in ((ours, first), (bare, second))}
        if not number:
            continue  # warms the engine
        ratios.append(pair[ours] / pair[bare])
        sys.stdout.write(f"pair {number}: {pair[ours]:,.0f} and {pair[bare]:,.0f} events/s, ratio {ratios[-1]:.2f}\n")
    sys.stdout.write(f"median ratio {statistics.median(ratios):.2f}, from {min(ratios):.2f} to {max(ratios):.2f}\n")


if __name__ == "__main__":
    main()
