"""Processor time of the watcher per document, step by step, without a server.

python -m benchmarks.watcher.stages_bench [--documents 1000] [--repeats 60]

    a page as a search answers it ──▶ hits ──▶ features ──▶ request ─▶ answer of the real model ──▶ checked ─▶ bulk body
                                                                                  answer of a bulk request ─▶ remembered

Each step is repeated and its shortest time counts, so that a busy machine changes little. Sending and receiving are not
measured.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
import orjson

from benchmarks.watcher.indices import kdd_rows, pending
from common.json_bytes import dump
from common.settings.shared import DEFAULT_MODEL
from enrich_service.model.artifact import load
from enrich_service.predict import page as enrich_page
from enrich_service.predict.enrich import Enricher
from oversight.commands.watch import tune_python
from watcher.enrich.responses import parse_enriched
from watcher.read.features import features
from watcher.read.hit import Hit, hit_of
from watcher.read.remembered import Memory
from watcher.write.actions import Action, actions, body, in_the_way
from watcher.write.bulk import Written
from watcher.write.writer import _delays_s, _remember

INDEX = ".ds-logs-oversight.connection-bench-2026.01.01-000001"


@dataclass(frozen=True)
class Page:
    """One page, as the servers' raw responses."""

    ids: list[str]
    fields: tuple[str, ...]
    searched: bytes
    predicted: bytes
    written: bytes

    @property
    def hits(self) -> list[Hit]:
        """The hits, decoded again in each access."""
        return list(map(hit_of, orjson.loads(self.searched)["hits"]["hits"]))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--documents", type=int, default=1_000)
    parser.add_argument("--repeats", type=int, default=60)
    arguments = parser.parse_args()
    page = _page(kdd_rows(arguments.documents))
    tune_python()
    took_us = {name: _least_us(step, arguments.repeats) / len(page.ids) for name, step in _steps(page).items()}
    sys.stdout.write(
        f"a page of {len(page.ids)} documents, {len(page.searched) // len(page.ids)} bytes each as found, "
        f"{len(page.predicted) // len(page.ids)} as answered\n\n| step | µs a document |\n|---|---|\n"
    )
    for name, us in {**took_us, "all of these": sum(took_us.values())}.items():
        sys.stdout.write(f"| {name} | {us:.2f} |\n")


def _page(rows: Sequence[Mapping[str, Any]]) -> Page:
    ids = [f"doc-{number}" for number in range(len(rows))]
    results = Enricher(load(DEFAULT_MODEL)).enrich(enrich_page.Page(ids, [dump({"kdd99": row}) for row in rows]))
    hits = [
        {
            "_index": INDEX,
            "_id": doc_id,
            "_score": None,
            "_seq_no": number,
            "_primary_term": 1,
            "_source": pending(rows, number),
            "sort": [1_767_225_600_000 + number, number],
        }
        for number, doc_id in enumerate(ids)
    ]
    items = [
        {
            "update": {
                "_index": INDEX,
                "_id": doc_id,
                "_version": 2,
                "result": "updated",
                "_shards": {"total": 1, "successful": 1, "failed": 0},
                "_seq_no": number,
                "_primary_term": 1,
                "status": 200,
            }
        }
        for number, doc_id in enumerate(ids)
    ]
    return Page(
        ids,
        tuple(f"kdd99.{name}" for name in rows[0]),
        dump({"hits": {"hits": hits}}),
        dump({"model": {"id": "kdd99-mlp", "version": "bench"}, "results": msgspec.to_builtins(results)}),
        dump({"items": items}),
    )


def _steps(page: Page) -> dict[str, Callable[[], Callable[[], Any]]]:
    """By name: a function that prepares a step, untimed, and returns the step."""
    hits, now = page.hits, datetime.now(UTC)
    chosen = features([hit.source for hit in hits], page.fields)
    updates = actions(hits, parse_enriched(page.predicted, page.ids).results, now=now)
    ends = _ends(updates, page)
    memory = Memory()

    def merging() -> Callable[[], Any]:
        results = parse_enriched(page.predicted, page.ids).results
        return lambda: actions(hits, results, now=now)

    def remembering() -> Callable[[], Any]:
        fresh = Memory()
        return lambda: _remember(fresh, hits, ends)

    return {
        "decode the answer of the search": lambda: lambda: page.hits,
        "admit": lambda: lambda: (memory.admit(hits, 0.0), [in_the_way(hit) for hit in hits]),
        "choose the features": lambda: lambda: features([hit.source for hit in hits], page.fields),
        "encode the request": lambda: (
            lambda: dump(
                {
                    "documents": [
                        {"id": doc_id, "source": source} for doc_id, source in zip(page.ids, chosen, strict=True)
                    ]
                }
            )
        ),
        "decode and check the answer": lambda: lambda: parse_enriched(page.predicted, page.ids),
        "complete what is written": merging,
        "encode the bulk request": lambda: lambda: body(updates),
        "decode the answer of the bulk request": lambda: lambda: _ends(updates, page),
        "remember": remembering,
        "count": lambda: lambda: (Counter([end.outcome for end in ends]), sorted(_delays_s(hits, ends))),
    }


def _ends(updates: Sequence[Action], page: Page) -> list[Written]:
    items = [item["update"] for item in orjson.loads(page.written)["items"]]
    return [Written(one.wanted, item.get("_seq_no")) for one, item in zip(updates, items, strict=True)]


def _least_us(prepare: Callable[[], Callable[[], Any]], repeats: int) -> float:
    """Shortest processor time of a step in microseconds, including the time to free its result."""
    least_s = float("inf")
    for _ in range(repeats):
        step = prepare()
        begin_s = time.thread_time()
        made = step()
        del made
        least_s = min(least_s, time.thread_time() - begin_s)
    return least_s * 1e6


if __name__ == "__main__":
    main()
