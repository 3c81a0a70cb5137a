"""How many documents are pending, enriched and failed, and why: what `oversight status` prints.

Only aggregations that Elasticsearch, OpenSearch and the embedded engine answer alike; the ends of a time range come
from sorted hits, because the embedded engine has no `min` and `max` of dates.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from elasticsearch import Elasticsearch

from contract.documents import lookup
from contract.fields import ENRICHED, FAILED, PENDING, STATUS
from watcher.engine import engine_faults, index_missing

MAX_GROUPS = 100
"""Error types and labels that are told apart; the shipped model has 24 labels."""
ARRIVAL = "event.ingested"
ERROR_TYPES = ("error.type", "oversight.failure.type")
"""Where the code of a failure stands: in our stream, and in an index that is not ours."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Failed documents of one kind."""

    type: str
    count: int
    last_seen: str | None
    """Arrival of the newest of them, as the document has it."""


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
    predictions: Mapping[str, int]
    """Enriched documents by label, most frequent first."""

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self)


def read_status(es: Elasticsearch, index: str, *, now: datetime | None = None) -> Status:
    """Count the documents of an index, list or pattern.

    Raises:
        IndexMissingError: there is none of that name.
        EngineUnavailableError: the engine does not answer.
    """
    with engine_faults("counting documents", index=index):
        total = int(es.count(index=index)["count"])
        answer = es.search(index=index, size=0, aggs=_aggregations())
        oldest = es.search(
            index=index, size=1, source=False, query={"term": {STATUS: PENDING}},
            sort=[{ARRIVAL: {"order": "asc", "missing": "_last", "unmapped_type": "date"}}],
        )  # fmt: skip
    if not answer["_shards"]["total"]:
        raise index_missing(index)
    found = answer["aggregations"]
    counts = _buckets(found["statuses"])
    ours = {status: counts.get(status, 0) for status in (PENDING, ENRICHED, FAILED)}
    return Status(
        index=index,
        **ours,
        other=max(0, total - sum(ours.values())),
        oldest_pending_age_s=_age_s(oldest["hits"]["hits"], now or datetime.now(UTC)),
        failures=_failures(found),
        predictions=_buckets(found["predicted"]["labels"]),
    )


def _aggregations() -> dict[str, Any]:
    newest = {
        "top_hits": {"size": 1, "sort": [{ARRIVAL: {"order": "desc", "unmapped_type": "date"}}], "_source": [ARRIVAL]}
    }
    kinds = {
        field: {"terms": {"field": field, "size": MAX_GROUPS}, "aggs": {"newest": newest}} for field in ERROR_TYPES
    }
    labels = {"labels": {"terms": {"field": "oversight.prediction.label", "size": MAX_GROUPS}}}
    return {
        "statuses": {"terms": {"field": STATUS, "size": MAX_GROUPS}},
        "predicted": {"filter": {"term": {STATUS: ENRICHED}}, "aggs": labels},
        "failed": {"filter": {"term": {STATUS: FAILED}}, "aggs": kinds},
    }


def _buckets(terms: Mapping[str, Any]) -> dict[str, int]:
    return {str(bucket["key"]): int(bucket["doc_count"]) for bucket in terms["buckets"]}


def _failures(found: Mapping[str, Any]) -> tuple[Failure, ...]:
    failures = [
        Failure(str(bucket["key"]), int(bucket["doc_count"]), _arrival(bucket["newest"]["hits"]["hits"]))
        for field in ERROR_TYPES
        for bucket in found["failed"][field]["buckets"]
    ]
    return tuple(sorted(failures, key=lambda failure: (-failure.count, failure.type)))


def _arrival(hits: list[Mapping[str, Any]]) -> str | None:
    value = lookup(hits[0].get("_source") or {}, ARRIVAL) if hits else None
    return None if value is None else str(value)


def _age_s(hits: list[Mapping[str, Any]], now: datetime) -> float | None:
    """From the sort value, milliseconds since 1970; a document without arrival sorts as the largest whole number."""
    arrival_ms = hits[0]["sort"][0] if hits else None
    if not isinstance(arrival_ms, int) or arrival_ms >= 2**62:
        return None
    return max(0.0, round(now.timestamp() - arrival_ms / 1000, 3))
