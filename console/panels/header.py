"""State of the installation, above every page: counts by status, pending documents, running watchers.

The counts cover everything that is stored, not only the page's time range and filters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from console.panels.indices import Indices
from console.panels.searches import Search, SearchResponse, problem_of
from console.panels.time_range import parse
from contract.documents.datasets import works_on
from contract.documents.fields import ENRICHED, FAILED, PENDING, STATUS
from contract.documents.heartbeats import MISSED, STOPPED
from contract.documents.paths import lookup_clear
from contract.errors import InputError

NO_MOMENT = 2**62
"""A document without the date sorts as the largest integer."""
USUAL_INTERVAL_S = 10.0
"""Interval of a heartbeat that does not name its own."""


def header_searches(indices: Indices) -> list[Search]:
    """Return the searches for `header`.

    The first and last moment come from sorted hits, because the embedded engine has no `min` and `max` of dates.
    """
    counts = {"size": 0, "track_total_hits": True, "aggs": {"status": {"terms": {"field": STATUS, "size": 10}}}}
    pending = {"term": {STATUS: PENDING}}
    return [
        (indices.events, counts),
        (indices.events, edge("@timestamp", "desc")),
        (indices.events, {**edge("event.ingested", "asc"), "query": pending}),
        (indices.heartbeats, _watchers()),
    ]


def edge(field: str, order: str) -> dict[str, Any]:
    """Return a search for the first or the last moment of a date field."""
    sort = [{field: {"order": order, "missing": "_last", "unmapped_type": "date"}}]
    return {"size": 1, "track_total_hits": False, "_source": False, "sort": sort}


def edge_ms(answer: SearchResponse) -> int | None:
    """Return that moment in milliseconds; None if no document has one."""
    hits = (answer.get("hits") or {}).get("hits") or []
    value = hits[0]["sort"][0] if hits and hits[0].get("sort") else None
    return value if isinstance(value, int) and abs(value) < NO_MOMENT else None


def _watchers() -> dict[str, Any]:
    order = [{"@timestamp": {"order": "desc", "unmapped_type": "date"}}]
    wanted = ["@timestamp", "watcher.state", "watcher.interval_s", "watcher.trouble", "watcher.index"]
    return {"size": 50, "sort": order, "_source": wanted}


def header(answers: Sequence[SearchResponse], *, events: str, now_ms: int) -> dict[str, Any]:
    """Return the state of the dataset whose events are in `events`, from the responses to `header_searches`."""
    counts, last, waiting, watchers = answers
    aggregations = counts.get("aggregations") or {}
    by_status = {
        bucket["key"]: bucket["doc_count"] for bucket in (aggregations.get("status") or {}).get("buckets") or []
    }
    total = ((counts.get("hits") or {}).get("total") or {}).get("value", 0)
    known = {name: by_status.get(name, 0) for name in (PENDING, ENRICHED, FAILED)}
    since = edge_ms(waiting) if known[PENDING] else None
    beats = [hit.get("_source") or {} for hit in (watchers.get("hits") or {}).get("hits") or []]
    beats = [beat for beat in beats if works_on(str(lookup_clear(beat, "watcher.index") or events), events)]
    return {
        "there": bool((counts.get("_shards") or {}).get("total", 0)),
        "problem": problem_of(counts),
        "total": total,
        **known,
        "other": max(0, total - sum(known.values())),
        "oldest_pending_s": max(0.0, (now_ms - since) / 1000) if since is not None else None,
        "newest": edge_ms(last),
        "watchers": None if watchers.get("error") else sum(is_alive(beat, now_ms=now_ms) for beat in beats),
    }


def is_alive(beat: Mapping[str, Any], *, now_ms: int) -> bool:
    """Whether a watcher is running: its heartbeat is recent and does not say that it has stopped."""
    interval_s = lookup_clear(beat, "watcher.interval_s")
    try:
        at_ms = parse(str(lookup_clear(beat, "@timestamp")), now_ms=now_ms)
    except InputError:
        return False
    patience_ms = 1000 * MISSED * (interval_s if isinstance(interval_s, int | float) else USUAL_INTERVAL_S)
    return lookup_clear(beat, "watcher.state") != STOPPED and now_ms - at_ms <= patience_ms
