"""How the installation is, above every page: counts by status, what waits, who is at work.

They are of everything that is stored, whatever time range or filter the page has.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from console.engine import Answer, Search, problem_of
from console.place import Place
from console.times import parse
from contract.documents import lookup_clear
from contract.errors import InputError
from contract.fields import ENRICHED, FAILED, PENDING, STATUS
from contract.heartbeats import MISSED, STOPPED

USUAL_INTERVAL_S = 10.0
"""Of a heartbeat that does not say its own."""


def header_searches(place: Place) -> list[Search]:
    """The two searches whose answers `header` reads."""
    return [(place.events, _counts()), (place.heartbeats, _watchers())]


def _counts() -> dict[str, Any]:
    """The header's: of the whole installation, whatever the page is restricted to."""
    waiting = {"filter": {"term": {STATUS: PENDING}}, "aggs": {"since": {"min": {"field": "event.ingested"}}}}
    newest = {"max": {"field": "@timestamp"}}
    statuses = {"terms": {"field": STATUS, "size": 10}}
    return {"size": 0, "track_total_hits": True, "aggs": {"status": statuses, "waiting": waiting, "newest": newest}}


def _watchers() -> dict[str, Any]:
    order = [{"@timestamp": {"order": "desc", "unmapped_type": "date"}}]
    wanted = ["@timestamp", "watcher.state", "watcher.interval_s", "watcher.trouble"]
    return {"size": 50, "sort": order, "_source": wanted}


def header(counts: Answer, watchers: Answer, *, now_ms: int) -> dict[str, Any]:
    """How the installation is, in numbers."""
    found = counts.get("aggregations") or {}
    by_status = {bucket["key"]: bucket["doc_count"] for bucket in (found.get("status") or {}).get("buckets") or []}
    total = ((counts.get("hits") or {}).get("total") or {}).get("value", 0)
    known = {name: by_status.get(name, 0) for name in (PENDING, ENRICHED, FAILED)}
    since = ((found.get("waiting") or {}).get("since") or {}).get("value") if known[PENDING] else None
    newest = (found.get("newest") or {}).get("value") if total else None
    beats = [hit.get("_source") or {} for hit in (watchers.get("hits") or {}).get("hits") or []]
    return {
        "there": bool((counts.get("_shards") or {}).get("total", 0)),
        "problem": problem_of(counts),
        "total": total,
        **known,
        "other": max(0, total - sum(known.values())),
        "oldest_pending_s": max(0.0, (now_ms - since) / 1000) if since is not None else None,
        "newest": newest,
        "watchers": None if watchers.get("error") else sum(is_alive(beat, now_ms=now_ms) for beat in beats),
    }


def is_alive(beat: Mapping[str, Any], *, now_ms: int) -> bool:
    """Whether a heartbeat is younger than a few of its intervals and does not say that its watcher has stopped."""
    interval_s = lookup_clear(beat, "watcher.interval_s")
    try:
        at_ms = parse(str(lookup_clear(beat, "@timestamp")), now_ms=now_ms)
    except InputError:
        return False
    patience_ms = 1000 * MISSED * (interval_s if isinstance(interval_s, int | float) else USUAL_INTERVAL_S)
    return lookup_clear(beat, "watcher.state") != STOPPED and now_ms - at_ms <= patience_ms
