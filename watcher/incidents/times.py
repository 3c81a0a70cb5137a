"""The first and last time of a bucket's documents, from every engine.

Elasticsearch and OpenSearch compute the minimum and maximum of a date. The embedded engine answers null for them; there
the first and the last document say it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
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
    times = (time for answer in answers for time in _first_times(answer.get("aggregations")))
    one = next(times, None)  # an engine computes all of them or none
    return search_all(es, index, searches(OF_DOCUMENTS)) if one is not None and one["value"] is None else answers


def _first_times(part: Any) -> Iterator[Answer]:
    """Yield the first time of each bucket with documents in this answer."""
    if isinstance(part, list):
        for each in part:
            yield from _first_times(each)
    elif isinstance(part, Mapping):
        if part.get("doc_count") and "first" in part:
            yield part["first"]
        for each in part.values():
            yield from _first_times(each)


def time_of(edge: Mapping[str, Any]) -> int:
    """Return the time of an edge in milliseconds since 1970."""
    if "value" in edge:
        return int(edge["value"])
    return milliseconds(str(lookup(edge["hits"]["hits"][0]["_source"], TIME)))
