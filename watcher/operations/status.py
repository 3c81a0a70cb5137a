"""How the documents of an index are doing: what `oversight status` prints.

    documents ──▶ counts by status, label, reason, verdict; the oldest pending ──┐
    newest predictions ──▶ rate, lag                                             ├─▶ Status
    heartbeats ──▶ watchers ─────────────────────────────────────────────────────┘

Only aggregations that Elasticsearch, OpenSearch and the embedded engine answer alike; the ends of a time range come
from sorted hits, because the embedded engine has no `min` and `max` of dates.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from elasticsearch import Elasticsearch

from common.elastic.indices import Kept, closed_says, how_kept
from contract.documents.fields import ENRICHED, FAILED, PENDING, STATUS
from contract.errors import EngineUnavailableError
from watcher.elastic_faults import IndexClosedError, engine_faults, index_missing
from watcher.monitor.heartbeat import Heartbeat, read_heartbeats
from watcher.operations.failures import MAX_GROUPS, Failure, buckets, failures_of, kinds
from watcher.operations.misread import COLUMN_ORDER, MisreadFile, read_misread
from watcher.operations.speed import Speed, read_speed
from watcher.read.poll import ARRIVAL
from watcher.read.readable_indices import require_there

__all__ = ["Failure", "Status", "read_status"]


@dataclass(frozen=True, slots=True)
class Status:
    """Documents of an index by status."""

    index: str
    pending: int
    enriched: int
    failed: int
    other: int
    """Documents without a status, or with one that is not ours."""
    oldest_pending_age_s: float | None
    """Seconds since the arrival of the oldest pending document; None if nothing is pending or arrivals are unknown."""
    failures: tuple[Failure, ...]
    """Most frequent first."""
    misread: tuple[MisreadFile, ...]
    """Files whose rows may have been read by the wrong columns."""
    predictions: Mapping[str, int]
    """Enriched documents by label, most frequent first."""
    verdicts: Mapping[str, int]
    """Documents by an analyst's verdict."""
    suppressed: int
    """Alerts that a rule of suppression kept from alerting."""
    speed: Speed
    watchers: tuple[Heartbeat, ...] | None
    """Those of the installation that are alive; None where that was not asked, or we may not read it."""
    ended: Heartbeat | None = None
    """Where none is alive: the last one that is not."""
    closed: tuple[str, ...] = ()
    """Closed indices, which are not counted."""
    filtered: Mapping[str, str] = field(default_factory=dict)
    """Indices that are never written since their mapping filters `_source`, with what it says."""
    synthetic: tuple[str, ...] = ()
    """Indices with synthetic `_source`."""

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self)


def read_status(es: Elasticsearch, index: str, *, namespace: str | None = None, now: datetime | None = None) -> Status:
    """Count the documents of an index, list or pattern.

    Args:
        es: the cluster.
        index: data stream, index, list or pattern.
        namespace: the installation whose watchers are looked for; None: nobody is.
        now: for the ages.
    Raises:
        IndexMissingError: there is none of that name.
        EngineUnavailableError: the engine does not answer.
    """
    moment = now or datetime.now(UTC)
    closed = require_there(es, index)
    with engine_faults("counting documents", index=index):
        kept = how_kept(es, index) or Kept({})
        total = int(es.count(index=index, ignore_unavailable=True)["count"])
        answer = es.search(index=index, size=0, aggs=_aggregations(), ignore_unavailable=True)
        oldest = es.search(
            index=index,
            size=1,
            source=False,
            query={"term": {STATUS: PENDING}},
            sort=[{ARRIVAL: {"order": "asc", "missing": "_last", "unmapped_type": "date"}}],
            ignore_unavailable=True,
        )
    if not answer["_shards"]["total"]:
        raise IndexClosedError(closed_says(closed)) if closed else index_missing(index)
    beats = None if namespace is None else _heartbeats(es, namespace, moment)
    found = answer["aggregations"]
    counts = buckets(found["statuses"])
    ours = {status: counts.get(status, 0) for status in (PENDING, ENRICHED, FAILED)}
    failures = failures_of(found["failed"])
    return Status(
        index=index,
        **ours,
        other=max(0, total - sum(ours.values())),
        oldest_pending_age_s=_age_s(oldest["hits"]["hits"], moment),
        failures=failures,
        misread=read_misread(es, index) if any(one.type == COLUMN_ORDER for one in failures) else (),
        predictions=buckets(found["predicted"]["labels"]),
        verdicts=buckets(found["verdicts"]),
        suppressed=int(found["suppressed"]["doc_count"]),
        speed=read_speed(es, index, now=moment),
        watchers=None if beats is None else tuple(one for one in beats if one.alive),
        ended=next(iter(beats), None) if beats and not any(one.alive for one in beats) else None,
        closed=closed,
        filtered=kept.filtered,
        synthetic=kept.synthetic,
    )


def _aggregations() -> dict[str, Any]:
    labels = {"labels": {"terms": {"field": "oversight.prediction.label", "size": MAX_GROUPS}}}
    return {
        "statuses": {"terms": {"field": STATUS, "size": MAX_GROUPS}},
        "predicted": {"filter": {"term": {STATUS: ENRICHED}}, "aggs": labels},
        "failed": {"filter": {"term": {STATUS: FAILED}}, "aggs": kinds()},
        "verdicts": {"terms": {"field": "oversight.feedback.verdict", "size": MAX_GROUPS}},
        "suppressed": {"filter": {"term": {"oversight.suppressed": True}}},
    }


def _heartbeats(es: Elasticsearch, namespace: str, now: datetime) -> list[Heartbeat] | None:
    """Newest first. A person who may read the documents need not be allowed to read these."""
    try:
        return read_heartbeats(es, namespace, now=now)
    except EngineUnavailableError:
        return None


def _age_s(hits: list[Mapping[str, Any]], now: datetime) -> float | None:
    """From the sort value, milliseconds since 1970; a document without arrival sorts as the largest whole number."""
    arrival_ms = hits[0]["sort"][0] if hits else None
    if not isinstance(arrival_ms, int) or arrival_ms >= 2**62:
        return None
    return max(0.0, round(now.timestamp() - arrival_ms / 1000, 3))
