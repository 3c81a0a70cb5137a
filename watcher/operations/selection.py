"""Which documents a person means: queries for `retry`, `rescore` and the counts before them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from elasticsearch import BadRequestError, Elasticsearch

from common.elastic.faults import cause
from contract.documents.fields import ENRICHED, FAILED, PENDING, STATUS
from contract.errors import InputError
from watcher.elastic_faults import engine_faults, index_missing

Query = Mapping[str, Any]

ERROR_TYPES = ("error.type", "oversight.failure.type")
"""Where the code of a failure stands: in our stream, and in an index that is not ours."""
VERSION = "oversight.model.version"
FAILED_DOCUMENTS: Query = {"term": {STATUS: FAILED}}
PENDING_DOCUMENTS: Query = {"term": {STATUS: PENDING}}


def failed(*, reason: str | None = None, words: str | None = None) -> Query:
    """Documents that failed: for one reason, and those that fit a query string, where these are given."""
    filters: list[Query] = [FAILED_DOCUMENTS]
    if reason is not None:
        filters.append(any_of(*({"term": {path: reason}} for path in ERROR_TYPES)))
    return _all_of(filters, words)


def enriched(*, not_version: str | None = None, words: str | None = None) -> Query:
    """Documents with a prediction, leaving out those of one version of a model."""
    query = _all_of([{"term": {STATUS: ENRICHED}}], words)
    return query if not_version is None else {"bool": {**query["bool"], "must_not": [{"term": {VERSION: not_version}}]}}


def without_status(*, words: str | None = None) -> Query:
    """Documents that no pipeline or watcher ever gave a status."""
    query = _all_of([{"match_all": {}}], words)
    return {"bool": {**query["bool"], "must_not": [{"exists": {"field": STATUS}}]}}


def any_of(*queries: Query) -> Query:
    """Documents that fit one of them."""
    return {"bool": {"should": [*queries], "minimum_should_match": 1}}


def count(es: Elasticsearch, index: str, query: Query) -> int:
    """Documents that fit, as far as the search shows.

    Raises:
        IndexMissingError: there is no index of that name.
        InputError: the engine does not understand the query.
        EngineUnavailableError: it does not answer.
    """
    with engine_faults("counting documents", index=index):
        try:
            answer = es.count(index=index, query=query, ignore_unavailable=True)
        except BadRequestError as error:
            raise InputError(
                f"Elasticsearch does not understand the query ({cause(error.body) or error.message}); "
                f"expected a query string such as 'user.id:alice AND oversight.prediction.family:probe'"
            ) from None
    if not answer["_shards"]["total"]:
        raise index_missing(index)
    return int(answer["count"])


def _all_of(filters: list[Query], words: str | None) -> Query:
    chosen = [{"query_string": {"query": words, "analyze_wildcard": True}}] if words else []
    return {"bool": {"filter": [*filters, *chosen]}}
