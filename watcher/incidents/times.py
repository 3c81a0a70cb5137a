"""The first and last time of a bucket's documents, from every engine.

Elasticsearch and OpenSearch compute the minimum and maximum of a date. The embedded engine answers null for them; there
the first and the last document say it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from elasticsearch import Elasticsearch

from contract.documents.paths import lookup
from watcher.incidents.ids import milliseconds
from watcher.incidents.rules import TIME
from watcher.incidents.searching import Answer, search_all

Edges = dict[str, Any]
"""The aggregations `first` and `last`."""
COMPUTED: Edges = {"first": {"min": {"field": TIME}}, "last": {"max": {"field": TIME}}}
OF_DOCUMENTS: Edges = {
    name: {"top_hits": {"size": 1, "sort": [{TIME: order}], "_source": [TIME]}}
    for name, order in (("first", "asc"), ("last", "desc"))
}


def search_with_times(es: Elasticsearch, index: str, searches: Callable[[Edges], list[dict[str, Any]]]) -> list[Answer]:
    """Return the answers to searches whose buckets have a first and a last time.

    Args:
        es: the cluster.
        index: where the documents are.
        searches: returns the bodies, with the aggregations that it gets in the buckets.
    """
    answers = search_all(es, index, searches(COMPUTED))
    if any(_lacks_times(answer.get("aggregations")) for answer in answers):
        return search_all(es, index, searches(OF_DOCUMENTS))
    return answers


def _lacks_times(part: Any) -> bool:
    """Whether a bucket with documents, anywhere in this answer, has no first time."""
    if isinstance(part, list):
        return any(_lacks_times(each) for each in part)
    if not isinstance(part, Mapping):
        return False
    if part.get("doc_count") and "first" in part and part["first"]["value"] is None:
        return True
    return any(_lacks_times(each) for each in part.values())


def time_of(edge: Mapping[str, Any]) -> int:
    """Return the time of an edge in milliseconds since 1970."""
    if "value" in edge:
        return int(edge["value"])
    return milliseconds(str(lookup(edge["hits"]["hits"][0]["_source"], TIME)))
