"""Give documents back to the watcher, for a new model's prediction.

    enriched, or without a status ──▶ status pending, nothing else ──▶ watcher ──▶ enriched by the model of now
                    ▲                                                      │
                    └── waits while more than `backlog` are pending ◀──────┘

The old prediction stays until the new one takes its place, so no dashboard goes dark. What was given back and what the
model of now has predicted no longer fits the query, so a run that was stopped goes on where it was.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from elasticsearch import Elasticsearch

from contract.documents.fields import BY_NAME, PENDING, properties
from contract.errors import EngineUnavailableError, InputError
from watcher.elastic_faults import engine_faults
from watcher.operations.selection import PENDING_DOCUMENTS, Query, count
from watcher.operations.sweep import Hooks, Limits, Swept, sweep
from watcher.read.hit import Hit
from watcher.read.readable_indices import refresh
from watcher.write.actions import AT, in_the_way, iso_millis
from watcher.write.changes import Change

READ = ("oversight",)
"""Of each document: whether it is an object, or a list, which a filter on what is below would hide."""
BACKLOG = 10_000
"""Pending documents above which no more are given back: a fresh event waits behind those."""
LOOK_S = 1.0
"""Between two looks at what is pending."""
RATE_WINDOW_H = 24
"""Hours in which the busiest minute is looked for."""
MINUTE_S = 60


def rescore(
    es: Elasticsearch,
    index: str,
    query: Query,
    *,
    limits: Limits,
    backlog: int = BACKLOG,
    look_s: float = LOOK_S,
    stop: threading.Event,
    progress: Callable[[Swept, int], None] = lambda _swept, _waiting_for: None,
) -> Swept:
    """Make every document that fits pending.

    Args:
        es: the cluster.
        index: data stream, index, list or pattern.
        query: which documents; one that is pending must not fit it.
        limits: page size and rate.
        backlog: wait while more than so many are pending, looking each time that half as many were given back; 0:
        never.
        look_s: seconds between two looks at what is pending.
        stop: ends the work after the page in hand.
        progress: told of what is done, and of the number of pending documents that are waited for (0: not waiting).
    Raises:
        EngineUnavailableError: the engine does not answer for long; what is done is done.
    """
    done, looked_at = Swept(), -backlog

    def wait_for_the_watcher() -> None:
        nonlocal looked_at
        if not backlog or done.changed - looked_at < backlog // 2:
            return
        while not stop.is_set():
            refresh(es, index)  # else the count would not show what was given back last
            try:
                pending = count(es, index, PENDING_DOCUMENTS)
            except EngineUnavailableError:  # the search that follows has the patience, or says what is wrong
                return
            if pending <= backlog:
                break
            progress(done, pending)
            stop.wait(look_s)
        looked_at = done.changed

    def told(swept: Swept) -> None:
        nonlocal done
        done = swept
        progress(swept, 0)

    hooks = Hooks(before_page=wait_for_the_watcher, progress=told)
    return sweep(es, index, query, give_back, fields=READ, limits=limits, stop=stop, hooks=hooks)


def give_back(hit: Hit) -> Change | str:
    """The status alone: the prediction of before is replaced by the next one, not by nothing."""
    path = in_the_way(hit)
    if path is not None:
        return f"{path} is not an object, and a prediction would replace it"
    if any(key.startswith("oversight.") for key in hit.source):
        return "oversight.status is spelled dotted, so it would stay pending forever"
    return Change(hit, {"oversight": {"status": PENDING}})


def require_mapping(es: Elasticsearch, index: str, path: str, *, without: str) -> None:
    """Refuse an index whose mapping does not take a field that is searched for.

    Args:
        es: the cluster.
        index: data stream, index, list or pattern.
        path: the field, a keyword.
        without: what nobody could do where it is not mapped.
    Raises:
        InputError: names an index where it is not.
    """
    with engine_faults("reading mappings", index=index):
        found = es.indices.get_field_mapping(index=index, fields=path, ignore_unavailable=True)
    for name, mapped in found.items():
        if not mapped["mappings"]:
            body = {"properties": properties([BY_NAME[path]])}
            raise InputError(
                f"index {name!r} does not map {path}, so {without}; "
                f"add the mapping first: PUT {name}/_mapping {json.dumps(body)}"
            )


def busiest_rate(es: Elasticsearch, index: str, *, now: datetime | None = None) -> float | None:
    """Predictions a second in the busiest minute of the last day; None where there was none."""
    now = now or datetime.now(UTC)
    day: Query = {"range": {AT: {"gte": iso_millis(now - timedelta(hours=RATE_WINDOW_H)), "lte": iso_millis(now)}}}
    minutes: dict[str, Any] = {"date_histogram": {"field": AT, "fixed_interval": "1m", "min_doc_count": 1}}
    with engine_faults("reading the rate of predictions", index=index):
        answer = es.search(index=index, size=0, query=day, aggs={"minutes": minutes}, ignore_unavailable=True)
    counts = [int(bucket["doc_count"]) for bucket in answer["aggregations"]["minutes"]["buckets"]]
    return max(counts) / MINUTE_S if counts else None


def expected_s(documents: int, measured: float | None, limit: float) -> float | None:
    """Seconds that so many documents take at the measured rate, or at the limit where that is lower."""
    rates = [rate for rate in (measured, limit or None) if rate]
    return documents / min(rates) if rates else None
