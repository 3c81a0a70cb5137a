"""The demo's counts, read from Elasticsearch in one search."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from elasticsearch import Elasticsearch

from contract.documents.fields import ENRICHED, FAILED, PENDING, STATUS
from watcher.incidents.rules import ALERT

MOST_USERS, MOST_LABELS = 20, 100

AGGREGATIONS: dict[str, Any] = {
    "status": {"terms": {"field": STATUS, "size": 10}},
    "labels": {
        "terms": {"field": "oversight.prediction.label", "size": MOST_LABELS},
        "aggs": {"family": {"terms": {"field": "oversight.prediction.family", "size": 1}}},
    },
    "users": {
        "terms": {"field": "user.id", "size": MOST_USERS},
        "aggs": {
            "alerts": {"filter": ALERT},
            "unknown": {"filter": {"term": {"oversight.prediction.label": "unknown"}}},
            "labels": {"terms": {"field": "rule.name", "size": 3}},
        },
    },
}


@dataclass(frozen=True, slots=True)
class LabelCount:
    """The number of documents with a label."""

    label: str
    family: str
    documents: int


@dataclass(frozen=True, slots=True)
class UserCount:
    """One user's documents, and the most frequent attacks in them."""

    user: str
    documents: int
    alerts: int
    unknown: int
    attacks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Counts:
    """The stream at one moment."""

    stored: int = 0
    pending: int = 0
    enriched: int = 0
    failed: int = 0
    labels: tuple[LabelCount, ...] = ()
    users: tuple[UserCount, ...] = ()


def read_counts(es: Elasticsearch, stream: str) -> Counts:
    """Count the documents of a stream, including the newest."""
    es.indices.refresh(index=stream)
    answer = es.search(index=stream, size=0, track_total_hits=True, aggs=AGGREGATIONS)
    return counts_of(answer.body)


def counts_of(answer: Mapping[str, Any]) -> Counts:
    """Return the counts of a search response."""
    aggregations = answer["aggregations"]
    by_status = {bucket["key"]: bucket["doc_count"] for bucket in aggregations["status"]["buckets"]}
    return Counts(
        stored=answer["hits"]["total"]["value"],
        pending=by_status.get(PENDING, 0),
        enriched=by_status.get(ENRICHED, 0),
        failed=by_status.get(FAILED, 0),
        labels=tuple(_label_count(bucket) for bucket in aggregations["labels"]["buckets"]),
        users=tuple(_user_count(bucket) for bucket in aggregations["users"]["buckets"]),
    )


def _label_count(bucket: Mapping[str, Any]) -> LabelCount:
    families = bucket["family"]["buckets"]
    return LabelCount(bucket["key"], families[0]["key"] if families else "", bucket["doc_count"])


def _user_count(bucket: Mapping[str, Any]) -> UserCount:
    return UserCount(
        user=bucket["key"],
        documents=bucket["doc_count"],
        alerts=bucket["alerts"]["doc_count"],
        unknown=bucket["unknown"]["doc_count"],
        attacks=_keys(bucket["labels"]),
    )


def _keys(terms: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(bucket["key"] for bucket in terms["buckets"])
