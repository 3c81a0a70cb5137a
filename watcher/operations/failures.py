"""Counts failed documents by reason.

It uses only aggregations that Elasticsearch, OpenSearch and the embedded engine answer in the same way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from elasticsearch import Elasticsearch

from contract.documents.paths import lookup
from watcher.elastic_faults import engine_faults
from watcher.operations.selection import ERROR_TYPES, FAILED_DOCUMENTS, Query
from watcher.read.poll import ARRIVAL

MAX_GROUPS = 100
"""Most error types to count separately."""
MAX_PLACES = 5
"""Most processors and fields to name per reason."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Failed documents of one kind."""

    type: str
    count: int
    last_seen: str | None
    """Arrival of the newest one, as the document spells it."""
    processors: Mapping[str, int] = field(default_factory=dict)
    """Documents that an ingest pipeline failed, by processor; only the most frequent ones."""
    fields: Mapping[str, int] = field(default_factory=dict)
    """Documents by the field that caused the failure; only the most frequent ones."""


def read_failures(es: Elasticsearch, index: str, query: Query = FAILED_DOCUMENTS) -> tuple[Failure, ...]:
    """Return the failed documents that match, by kind, the most frequent kind first.

    Raises:
        EngineUnavailableError: Elasticsearch does not answer.
    """
    with engine_faults("counting failures", index=index):
        answer = es.search(index=index, size=0, query=query, aggs=kinds(), ignore_unavailable=True)
    return failures_of(answer["aggregations"])


def kinds() -> dict[str, Any]:
    """Return the aggregations over failed documents that `failures_of` reads."""
    newest = {
        "top_hits": {"size": 1, "sort": [{ARRIVAL: {"order": "desc", "unmapped_type": "date"}}], "_source": [ARRIVAL]}
    }
    places = {
        name: {"terms": {"field": f"oversight.failure.{name}", "size": MAX_PLACES}} for name in ("processor", "field")
    }
    return {
        path: {"terms": {"field": path, "size": MAX_GROUPS}, "aggs": {"newest": newest, **places}}
        for path in ERROR_TYPES
    }


def failures_of(found: Mapping[str, Any]) -> tuple[Failure, ...]:
    """Read the response to the aggregations of `kinds`."""
    failures = [_failure(bucket) for path in ERROR_TYPES for bucket in found.get(path, {}).get("buckets", ())]
    return tuple(sorted(failures, key=lambda failure: (-failure.count, failure.type)))


def _failure(bucket: Mapping[str, Any]) -> Failure:
    return Failure(
        type=str(bucket["key"]),
        count=int(bucket["doc_count"]),
        last_seen=_arrival(bucket["newest"]["hits"]["hits"]),
        processors=buckets(bucket["processor"]),
        fields=buckets(bucket["field"]),
    )


def buckets(terms: Mapping[str, Any]) -> dict[str, int]:
    """Return the documents per value, in the engine's order."""
    return {str(bucket["key"]): int(bucket["doc_count"]) for bucket in terms["buckets"]}


def _arrival(hits: Sequence[Mapping[str, Any]]) -> str | None:
    value = lookup(hits[0].get("_source") or {}, ARRIVAL) if hits else None
    return None if value is None else str(value)
