"""Find the documents to judge, with the write that each holds now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from elasticsearch import Elasticsearch

from contract.errors import InputError, shorten
from watcher.elastic_faults import engine_faults, index_missing
from watcher.read.hit import Hit, hit_of
from watcher.verdicts.feedback import READ

MOST_IDS = 1_000
"""Documents of one search or one get."""
MOST_HITS = 10_000
"""Largest page that an index allows unless told otherwise."""


@dataclass(frozen=True, slots=True)
class Place:
    """A document's identity: ids are unique only within one index."""

    index: str
    id: str


def find(es: Elasticsearch, index: str, doc_id: str) -> Hit:
    """Return the one document with this id, with its last write.

    Raises:
        InputError: there is none, or there are several.
        EngineUnavailableError: Elasticsearch does not answer.
    """
    hits = with_id(es, index, doc_id)
    if not hits:
        raise unknown(doc_id, index)
    if len(hits) > 1:
        places = ", ".join(sorted(hit.index for hit in hits))
        raise InputError(f"document {shorten(doc_id)} is there {len(hits)} times, in {places}; choose one with --index")
    (now,) = as_they_are(es, hits)
    if now is None:
        raise unknown(doc_id, index)
    return now


def with_id(es: Elasticsearch, index: str, doc_id: str) -> list[Hit]:
    """Return the documents with this id; each index may have one."""
    return _search(es, index, {"ids": {"values": [doc_id]}}, 10)


def find_places(es: Elasticsearch, index: str, places: Sequence[Place]) -> list[Hit | None]:
    """Return documents by index and id, in order; None: it does not exist.

    The search covers `index` alone, so a place in any other index is not found.

    Raises:
        EngineUnavailableError: Elasticsearch does not answer.
    """
    found: dict[tuple[str, str], Hit] = {}
    for start in range(0, len(places), MOST_IDS):
        some = places[start : start + MOST_IDS]
        wanted: list[dict[str, Any]] = [
            {"ids": {"values": [place.id for place in some]}},
            {"terms": {"_index": sorted({place.index for place in some})}},
        ]
        most = min(len(some) * len({place.index for place in some}), MOST_HITS)  # an id may be in several indices
        found |= {hit.key: hit for hit in _search(es, index, {"bool": {"filter": wanted}}, most)}
    return [found.get((place.index, place.id)) for place in places]


def as_they_are(es: Elasticsearch, hits: Sequence[Hit]) -> list[Hit | None]:
    """Return documents with their last write, which a search may not show yet; None: it was deleted.

    Raises:
        EngineUnavailableError: Elasticsearch does not answer.
    """
    now: list[Hit | None] = []
    for start in range(0, len(hits), MOST_IDS):
        wanted = [
            {"_index": hit.index, "_id": hit.id, **({} if hit.routing is None else {"routing": hit.routing})}
            for hit in hits[start : start + MOST_IDS]
        ]
        with engine_faults("reading the documents to judge", index=hits[start].index):
            answer = es.mget(docs=wanted, source_includes=list(READ))
        now += [hit_of(item) if item.get("found") else None for item in answer["docs"]]
    return now


def unknown(doc_id: str, index: str) -> InputError:
    """Return the error for an id that no document has."""
    return InputError(
        f"there is no document {shorten(doc_id)} in {index}; expected the `_id` that Kibana or the search API shows, "
        f"or its first digits, and the right --namespace or --index"
    )


def _search(es: Elasticsearch, index: str, query: dict[str, Any], most: int) -> list[Hit]:
    with engine_faults("looking for the documents to judge", index=index):
        answer = es.search(
            index=index,
            query=query,
            size=most,
            seq_no_primary_term=True,
            source={"includes": list(READ)},
            ignore_unavailable=True,
        )
    if not answer["_shards"]["total"]:
        raise index_missing(index)
    return [hit_of(item) for item in answer["hits"]["hits"]]
