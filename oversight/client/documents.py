"""Read documents of an index as rows, for what is done with them outside Elasticsearch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from elasticsearch import ApiError, Elasticsearch, TransportError

from common.tables.batch import Batch
from common.tables.json_lines import batch_of, flat
from contract.errors import InputError
from oversight.client.cluster import explain

PAGE = 1_000
KEEP_ALIVE = "2m"


STORED_ORDER = ({"_shard_doc": "asc"},)


def documents(es: Elasticsearch, index: str, *, most: int, url: str) -> Iterator[Batch]:
    """Documents of an index as rows, in the order in which the engine stores them. Arguments as of `hits`."""
    first = 1
    for found in hits(es, index, most=most, url=url):
        yield batch_of(first, [flat(hit["_source"]) for hit in found], {})
        first += len(found)


def hits(
    es: Elasticsearch,
    index: str,
    *,
    most: int | None,
    url: str,
    sort: Sequence[Mapping[str, Any]] = STORED_ORDER,
) -> Iterator[list[dict[str, Any]]]:
    """Pages of the documents of an index, list, alias or pattern.

    Args:
        es: the client.
        index: where they are.
        most: how many are read; None: all.
        url: the cluster's address, for messages.
        sort: their order.
    Raises:
        InputError: there is no such index.
        OversightError: the cluster does not answer.
    """
    try:
        if not es.indices.exists(index=index):
            raise InputError(f"there is no index {index!r}; correct the name, or list them with GET _cat/indices")
        point = es.open_point_in_time(index=index, keep_alive=KEEP_ALIVE)["id"]
        try:
            yield from _pages(es, point, most, sort)
        finally:
            es.close_point_in_time(id=point)
    except (ApiError, TransportError) as error:
        raise explain(error, url) from None


def _pages(
    es: Elasticsearch, point: str, most: int | None, sort: Sequence[Mapping[str, Any]]
) -> Iterator[list[dict[str, Any]]]:
    read, after = 0, None
    while most is None or read < most:
        options: dict[str, Any] = {} if after is None else {"search_after": after}
        found = es.search(
            pit={"id": point, "keep_alive": KEEP_ALIVE},
            size=PAGE if most is None else min(PAGE, most - read),
            sort=sort,
            track_total_hits=False,
            **options,
        )["hits"]["hits"]
        if not found:
            return
        yield found
        read, after = read + len(found), found[-1]["sort"]
