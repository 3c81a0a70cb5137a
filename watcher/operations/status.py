"""Counts the documents of an index by status, for `oversight status`.

    documents ──▶ counts by status, label, reason, verdict; the oldest pending ──┐
    newest predictions ──▶ rate, lag                                             ├─▶ Status
    heartbeats ──▶ watchers ─────────────────────────────────────────────────────┘

It uses only aggregations that Elasticsearch, OpenSearch and the embedded engine answer in the same way. The oldest and
newest times come from sorted hits, because the embedded engine has no `min` and `max` of dates.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from elasticsearch import Elasticsearch

from common.elastic.datasets import read_datasets
from common.elastic.indices import SourceStorage, closed_message, source_storage
from contract.documents.datasets import works_on
from contract.documents.fields import ENRICHED, FAILED, PENDING, PREDICTED_LABEL, STATUS
from contract.errors import EngineUnavailableError
from contract.model_summary import ModelSummary
from watcher.elastic_faults import IndexClosedError, engine_faults, index_missing
from watcher.monitor.backlog import read_backlog
from watcher.monitor.heartbeat import Heartbeat, read_heartbeats
from watcher.operations.failures import MAX_GROUPS, Failure, buckets, failures_of, kinds
from watcher.operations.misread import COLUMN_ORDER, MisreadFile, read_misread
from watcher.operations.speed import Speed, read_speed
from watcher.read.readable_indices import require_there


@dataclass(frozen=True, slots=True)
class Status:
    """Documents of an index by status."""

    index: str
    pending: int
    enriched: int
    failed: int
    other: int
    """Documents without a status, or with an unknown one."""
    oldest_pending_age_s: float | None
    """Seconds since the oldest pending document arrived; None if nothing is pending or arrivals are unknown."""
    failures: tuple[Failure, ...]
    """Most frequent first."""
    misread: tuple[MisreadFile, ...]
    """Files whose rows may have been read with the wrong columns."""
    predictions: Mapping[str, int]
    """Enriched documents by label, most frequent first."""
    verdicts: Mapping[str, int]
    """Documents by an analyst's verdict."""
    suppressed: int
    """Attacks that a suppression rule hides from alerts."""
    speed: Speed
    watchers: tuple[Heartbeat, ...] | None
    """The running watchers; None if nobody asked, or we may not read the heartbeats."""
    ended: Heartbeat | None = None
    """The last watcher, if none is running."""
    closed: tuple[str, ...] = ()
    """Closed indices, which are left out."""
    filtered: Mapping[str, str] = field(default_factory=dict)
    """Indices that are never written because their mapping filters `_source`, with the reason."""
    synthetic: tuple[str, ...] = ()
    """Indices with synthetic `_source`."""
    datasets: tuple[ModelSummary, ...] = ()
    """The provisioned datasets of the namespace, each with its model."""


def read_status(es: Elasticsearch, index: str, *, namespace: str | None = None, now: datetime | None = None) -> Status:
    """Count the documents of an index, list or pattern.

    Args:
        es: the cluster.
        index: data stream, index, list or pattern.
        namespace: installation of the watchers; None: do not look for watchers.
        now: the current time, for ages.
    Raises:
        IndexMissingError: there is no such index.
        EngineUnavailableError: Elasticsearch does not answer.
    """
    moment = now or datetime.now(UTC)
    closed = require_there(es, index)
    with engine_faults("counting documents", index=index):
        storage = source_storage(es, index) or SourceStorage({})
        total = int(es.count(index=index, ignore_unavailable=True)["count"])
        answer = es.search(index=index, size=0, aggs=_aggregations(), ignore_unavailable=True)
    if not answer["_shards"]["total"]:
        raise IndexClosedError(closed_message(closed)) if closed else index_missing(index)
    beats = None if namespace is None else _heartbeats(es, namespace, index, moment)
    found = answer["aggregations"]
    counts = buckets(found["statuses"])
    ours = {status: counts.get(status, 0) for status in (PENDING, ENRICHED, FAILED)}
    failures = failures_of(found["failed"])
    return Status(
        index=index,
        **ours,
        other=max(0, total - sum(ours.values())),
        oldest_pending_age_s=read_backlog(es, index, now=moment).oldest_s,
        failures=failures,
        misread=read_misread(es, index) if any(one.type == COLUMN_ORDER for one in failures) else (),
        predictions=buckets(found["predicted"]["labels"]),
        verdicts=buckets(found["verdicts"]),
        suppressed=int(found["suppressed"]["doc_count"]),
        speed=read_speed(es, index, now=moment),
        watchers=None if beats is None else tuple(one for one in beats if one.alive),
        ended=next(iter(beats), None) if beats and not any(one.alive for one in beats) else None,
        closed=closed,
        filtered=storage.filtered,
        synthetic=storage.synthetic,
        datasets=() if namespace is None else tuple(read_datasets(es, namespace)),
    )


def _aggregations() -> dict[str, Any]:
    labels = {"labels": {"terms": {"field": PREDICTED_LABEL, "size": MAX_GROUPS}}}
    return {
        "statuses": {"terms": {"field": STATUS, "size": MAX_GROUPS}},
        "predicted": {"filter": {"term": {STATUS: ENRICHED}}, "aggs": labels},
        "failed": {"filter": {"term": {STATUS: FAILED}}, "aggs": kinds()},
        "verdicts": {"terms": {"field": "oversight.feedback.verdict", "size": MAX_GROUPS}},
        "suppressed": {"filter": {"term": {"oversight.suppressed": True}}},
    }


def _heartbeats(es: Elasticsearch, namespace: str, index: str, now: datetime) -> list[Heartbeat] | None:
    """Return the heartbeats without those of other datasets, newest first; None if Elasticsearch refuses. Not every
    user may read them.
    """
    try:
        return [one for one in read_heartbeats(es, namespace, now=now) if works_on(one.index, index)]
    except EngineUnavailableError:
        return None
