"""Send searches to Elasticsearch, many in one request. A failed search fails the request: half an incident misleads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from elasticsearch import Elasticsearch

from common.elastic.response_limit import MIB, within
from contract.errors import EngineUnavailableError, shorten
from watcher.elastic_faults import engine_faults
from watcher.incidents.rules import Query, all_of

MOST_BUCKETS = 10_000
"""Most buckets in one answer: an answer of a million buckets can end a node."""
MOST_BYTES = 32 * MIB
TOGETHER = 8
"""Searches sent in one request."""
Answer = Mapping[str, Any]


def body(filters: Sequence[Query], aggs: Mapping[str, Any], *, size: int = 0, **more: Any) -> dict[str, Any]:
    """Return the body of a search."""
    return {"size": size, "track_total_hits": False, "query": all_of(filters), "aggs": dict(aggs), **more}


def search_all(es: Elasticsearch, index: str, bodies: Sequence[Mapping[str, Any]]) -> list[Answer]:
    """Return the answers in the order of the searches. A missing index gives answers without aggregations.

    Raises:
        EngineUnavailableError: Elasticsearch does not answer, refuses a search, or answers only in part.
    """
    answers: list[Answer] = []
    for start in range(0, len(bodies), TOGETHER):
        answers += _search_together(es, index, bodies[start : start + TOGETHER])
    return answers


def _search_together(es: Elasticsearch, index: str, bodies: Sequence[Mapping[str, Any]]) -> list[Answer]:
    where = {"index": index, "ignore_unavailable": True, "allow_no_indices": True}
    lines = [line for each in bodies for line in (where, each)]
    with engine_faults("looking for incidents", index=index), within(MOST_BYTES):
        answers: list[Answer] = es.msearch(searches=lines)["responses"]
    for answer in answers:
        if problem := _problem(answer):
            raise EngineUnavailableError(f"Elasticsearch {problem} while looking for incidents in {index!r}; try again")
    return answers


def _problem(answer: Answer) -> str | None:
    error = answer.get("error")
    if error is not None:
        causes = (error.get("root_cause") or [error]) if isinstance(error, Mapping) else [{"reason": error}]
        return f"answers {answer.get('status')} ({shorten(causes[0].get('reason'), 200)})"
    failed = (answer.get("_shards") or {}).get("failed")
    if failed:
        return f"answers without {failed} of {answer['_shards'].get('total')} shards"
    return "runs out of time" if answer.get("timed_out") else None


def buckets_of(answer: Answer, name: str) -> list[Answer]:
    """Return the buckets of an aggregation; none if the index does not exist."""
    found = (answer.get("aggregations") or {}).get(name) or {}
    buckets: list[Answer] = found.get("buckets") or []
    return buckets
