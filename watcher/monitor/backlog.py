"""Counts the pending documents and finds the oldest, with one search."""

from __future__ import annotations

from datetime import UTC, datetime

from elasticsearch import Elasticsearch

from watcher.elastic_faults import engine_faults
from watcher.monitor.facts import Backlog
from watcher.read.poll import ARRIVAL, pending_query


def read_backlog(es: Elasticsearch, index: str, *, now: datetime | None = None) -> Backlog:
    """Return what is pending in an index, list or pattern, as far as the search shows.

    Raises:
        EngineUnavailableError: Elasticsearch does not answer.
    """
    with engine_faults("counting pending documents", index=index):
        answer = es.search(
            index=index,
            query=pending_query(),
            size=1,
            source=False,
            track_total_hits=True,
            ignore_unavailable=True,
            sort=[{ARRIVAL: {"order": "asc", "missing": "_last", "unmapped_type": "date"}}],
        )
    hits = answer["hits"]["hits"]
    arrival_ms = hits[0]["sort"][0] if hits else None
    oldest_s = None
    if isinstance(arrival_ms, int) and 0 < arrival_ms < 2**62:  # without arrival it sorts as the largest integer
        oldest_s = max(0.0, round((now or datetime.now(UTC)).timestamp() - arrival_ms / 1000, 3))
    return Backlog(int(answer["hits"]["total"]["value"]), oldest_s)
