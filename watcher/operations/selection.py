"""Queries for `retry`, `rescore` and `evaluate`, and for the counts before them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from elasticsearch import BadRequestError, Elasticsearch

from contract.documents.feedback import ROOT
from contract.documents.fields import ENRICHED, FAILED, MODEL_VERSION, PENDING, STATUS, TRUTH
from watcher.elastic_faults import engine_faults, index_missing, query_not_understood

Query = Mapping[str, Any]

ERROR_TYPES = ("error.type", "oversight.failure.type")
"""Fields with the code of a failure: in our stream, and in any other index."""
FAILED_DOCUMENTS: Query = {"term": {STATUS: FAILED}}
PENDING_DOCUMENTS: Query = {"term": {STATUS: PENDING}}


def failed(*, reason: str | None = None, words: str | None = None) -> Query:
    """Match failed documents, optionally only with one reason or matching a query string."""
    filters: list[Query] = [FAILED_DOCUMENTS]
    if reason is not None:
        filters.append(any_of(*({"term": {path: reason}} for path in ERROR_TYPES)))
    return _all_of(filters, words)


def enriched(*, not_version: str | None = None, words: str | None = None) -> Query:
    """Match documents with a prediction, optionally without those of one model version."""
    query = _all_of([{"term": {STATUS: ENRICHED}}], words)
    return (
        query
        if not_version is None
        else {"bool": {**query["bool"], "must_not": [{"term": {MODEL_VERSION: not_version}}]}}
    )


def without_status(*, words: str | None = None) -> Query:
    """Match documents that never got a status from a pipeline or watcher."""
    query = _all_of([{"match_all": {}}], words)
    return {"bool": {**query["bool"], "must_not": [{"exists": {"field": STATUS}}]}}


def with_truth(*, words: str | None = None) -> Query:
    """Match documents with a truth label or an analyst's verdict, optionally only those of a query string."""
    return _all_of([any_of({"exists": {"field": TRUTH}}, {"exists": {"field": f"{ROOT}.verdict"}})], words)


def any_of(*queries: Query) -> Query:
    """Match documents that match one of the queries."""
    return {"bool": {"should": [*queries], "minimum_should_match": 1}}


def count(es: Elasticsearch, index: str, query: Query) -> int:
    """Count the documents that match and that the search shows.

    Raises:
        IndexMissingError: there is no such index.
        InputError: Elasticsearch does not understand the query.
        EngineUnavailableError: Elasticsearch does not answer.
    """
    with engine_faults("counting documents", index=index):
        try:
            answer = es.count(index=index, query=query, ignore_unavailable=True)
        except BadRequestError as error:
            raise query_not_understood(error) from None
    if not answer["_shards"]["total"]:
        raise index_missing(index)
    return int(answer["count"])


def _all_of(filters: list[Query], words: str | None) -> Query:
    chosen = [{"query_string": {"query": words, "analyze_wildcard": True}}] if words else []
    return {"bool": {"filter": [*filters, *chosen]}}
