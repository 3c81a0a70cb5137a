"""Make documents pending again, so that the watcher predicts them with the current model.

    enriched, or without a status ──▶ status pending, nothing else ──▶ watcher ──▶ enriched by the current model
                    ▲                                                      │
                    └── waits while more than `backlog` are pending ◀──────┘

The old prediction stays until the new one replaces it, so dashboards stay complete. Pending documents, and documents of
the current model, do not match the query, so a run that was stopped can be run again.
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
"""Field to read: all of it, because a filter on fields below it would hide that it is a list."""
BACKLOG = 10_000
"""Number of pending documents above which the run waits, because a new event waits behind them."""
LOOK_S = 1.0
"""Seconds between two counts of the pending documents."""
RATE_WINDOW_H = 24
"""Hours that are searched for the busiest minute."""
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
    """Make every document that matches pending.

    Args:
        es: the cluster.
        index: data stream, index, list or pattern.
        query: which documents; it must not match pending ones.
        limits: page size and rate.
        backlog: wait while more than this are pending, counted after each half of it; 0: never wait.
        look_s: seconds between two counts of the pending documents.
        stop: ends the work after the current page.
        progress: gets the counts so far, and the number of pending documents it waits for (0: it does not wait).
    Raises:
        EngineUnavailableError: Elasticsearch does not answer for long; the changes so far stay.
    """
    done, counted_at = Swept(), -backlog

    def wait_for_the_watcher() -> None:
        nonlocal counted_at
        if not backlog or done.changed - counted_at < backlog // 2:
            return
        while not stop.is_set():
            refresh(es, index)  # otherwise the count misses the last changes
            try:
                pending = count(es, index, PENDING_DOCUMENTS)
            except EngineUnavailableError:  # the search that follows retries, or reports the error
                return
            if pending <= backlog:
                break
            progress(done, pending)
            stop.wait(look_s)
        counted_at = done.changed

    def show(swept: Swept) -> None:
        nonlocal done
        done = swept
        progress(swept, 0)

    hooks = Hooks(before_page=wait_for_the_watcher, progress=show)
    return sweep(es, index, query, give_back, fields=READ, limits=limits, stop=stop, hooks=hooks)


def give_back(hit: Hit) -> Change | str:
    """Change only the status: the old prediction stays until the next one replaces it."""
    path = in_the_way(hit)
    if path is not None:
        return f"{path} is not an object, and a prediction would replace it"
    if any(key.startswith("oversight.") for key in hit.source):
        return "oversight.status is spelled dotted, so it would stay pending forever"
    return Change(hit, {"oversight": {"status": PENDING}})


def require_mapping(es: Elasticsearch, index: str, path: str, *, without: str) -> None:
    """Refuse an index that does not map a field that we search for.

    Args:
        es: the cluster.
        index: data stream, index, list or pattern.
        path: the field, a keyword.
        without: what is impossible without the mapping.
    Raises:
        InputError: names an index without the mapping.
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
    """Return the predictions per second in the busiest minute of the last day; None without a prediction."""
    now = now or datetime.now(UTC)
    day: Query = {"range": {AT: {"gte": iso_millis(now - timedelta(hours=RATE_WINDOW_H)), "lte": iso_millis(now)}}}
    minutes: dict[str, Any] = {"date_histogram": {"field": AT, "fixed_interval": "1m", "min_doc_count": 1}}
    with engine_faults("reading the rate of predictions", index=index):
        answer = es.search(index=index, size=0, query=day, aggs={"minutes": minutes}, ignore_unavailable=True)
    counts = [int(bucket["doc_count"]) for bucket in answer["aggregations"]["minutes"]["buckets"]]
    return max(counts) / MINUTE_S if counts else None


def expected_s(documents: int, measured: float | None, limit: float) -> float | None:
    """Return the seconds that the documents take at the measured rate, or at the limit if that is lower."""
    rates = [rate for rate in (measured, limit or None) if rate]
    return documents / min(rates) if rates else None
