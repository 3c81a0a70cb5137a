"""Read pending documents, page by page, in the order of their arrival.

    one light search: is anything pending? ──no──▶ nothing more
                  │ yes
    open point in time ──▶ search, oldest arrival first ──▶ page of hits ──▶ ... ──▶ a page that is not full ──▶ close
                                  ▲                             │
                                  └──── search_after ◀──────────┘

What decides is the status, not the time: a late or backdated event is pending and is found. A point in time shows the
documents as they were when it was opened, so each is seen once in a round; what arrives meanwhile is the next round's.
"""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from elastic_transport import ObjectApiResponse, TransportError
from elasticsearch import ApiError, BadRequestError, Elasticsearch, NotFoundError

from common.elastic.response_limit import LIMIT_BYTES, within
from contract.documents.fields import ALERT_ROOT, PENDING, STATUS, SUPPRESSED, SUPPRESSED_BY
from contract.errors import EngineUnavailableError
from watcher.elastic_faults import (
    LargeResponseError,
    PageTooLargeError,
    PointInTimeLostError,
    engine_faults,
    index_missing,
    without_retries,
)
from watcher.read.hit import Hit, hit_of
from watcher.read.page_size import Reading
from watcher.read.slices import STABLE_FIELD

log = logging.getLogger(__name__)

ARRIVAL = "event.ingested"
CLOSE_S = 2.0
"""How long the end of a point in time is worth waiting for: it expires by itself."""
ORDER = (
    {ARRIVAL: {"order": "asc", "missing": "_first", "unmapped_type": "date"}},
    {"_shard_doc": "asc"},  # tells documents of the same millisecond apart
)
EARLIER_FIELDS = (
    "event.kind",
    "event.severity",
    "event.risk_score",
    "rule",
    "threat",
    "error",
    STATUS,
    "oversight.prediction",
    "oversight.model",
    "oversight.shadow",
    "oversight.failure",
    ALERT_ROOT,
    SUPPRESSED,
    SUPPRESSED_BY,
)
"""What an earlier verdict may have left in the document, and the next one may have to take back; with the status one
sees whether `oversight` is an object at all."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is read of a point in time.

    Attributes:
        fields: document fields that the model reads; no others are fetched but those of an earlier verdict.
        page_size: documents in one page.
        page_bytes: most bytes of one page.
        part: which slice, of how many; None: all.
        stable: tell slices apart so that another point in time has the same ones.
        without: indices that are left out.
        arrived_before_s: only documents that arrived longer ago than this, or nobody knows when.
        reading: how many documents are read at once, and whether whole ones in place of the fields.
    """

    fields: Sequence[str]
    page_size: int
    page_bytes: int = LIMIT_BYTES
    part: tuple[int, int] | None = None
    stable: bool = False
    without: Sequence[str] = ()
    arrived_before_s: float | None = None
    reading: Reading = field(default_factory=Reading)


class PointInTime:
    """A view of the pending documents of an index, list or pattern; several threads may read parts of it.

    Args:
        es: the cluster.
        index: data stream, index, list or pattern.
        keep_alive_s: seconds that it outlives a page.

    Raises:
        EngineUnavailableError: or one of its kinds in `watcher.elastic_faults`.
    """

    def __init__(self, es: Elasticsearch, index: str, *, keep_alive_s: float) -> None:
        self._es, self._index = es, index
        self._keep_alive = f"{max(1, round(keep_alive_s))}s"
        self._id = open_point_in_time(es, index, self._keep_alive)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(ApiError, TransportError):  # it expires by itself
            without_retries(self._es, within_s=CLOSE_S).close_point_in_time(id=self._id)

    def pages(self, wanted: Wanted) -> Generator[list[Hit], None, None]:
        """All documents that were pending, or a part of them.

        Raises:
            EngineUnavailableError: or one of its kinds in `watcher.elastic_faults`.
        """
        after: list[Any] | None = None
        reading, chosen = wanted.reading, [*wanted.fields, *EARLIER_FIELDS]
        while True:
            whole, too_large = reading.whole, False
            size = reading.size(wanted.page_size)
            try:
                answer = self._search(wanted, after, size=size, fields=None if whole else chosen)
            except LargeResponseError as error:
                if reading.too_large(size, error.hits, wanted.page_bytes, whole=whole):
                    continue
                answer, too_large = self._search_large(wanted, after), True
            self._id = answer.get("pit_id", self._id)
            found = answer["hits"]["hits"]
            if found:
                page = list(map(hit_of, found))
                if too_large:
                    page[0].too_large = True
                else:
                    reading.saw(page, wanted.page_size, whole=whole)
                yield page
            if len(found) < size:
                _refuse_partial(answer["_shards"], self._index)
                return
            after = found[-1]["sort"]

    def _search_large(self, wanted: Wanted, after: list[Any] | None) -> ObjectApiResponse[Any]:
        """One document that is above the limit by itself: what an earlier verdict left in it, or nothing of it."""
        try:
            return self._search(wanted, after, size=1, fields=EARLIER_FIELDS)
        except LargeResponseError:
            return self._search(wanted, after, size=1, fields=())

    def _search(
        self, wanted: Wanted, after: list[Any] | None, *, size: int, fields: Sequence[str] | None
    ) -> ObjectApiResponse[Any]:
        """One page of whole documents or of some fields.

        The response is not filtered: that would cost the engine more than it saves us.

        Raises:
            LargeResponseError: it is larger than a page may be.
        """
        with engine_faults("searching for pending documents", index=self._index):
            try:
                with within(wanted.page_bytes):
                    return self._es.search(
                        pit={"id": self._id, "keep_alive": self._keep_alive},
                        query=pending_query(without=wanted.without, arrived_before_s=wanted.arrived_before_s),
                        sort=ORDER,
                        size=size,
                        search_after=after,
                        slice=_slice(wanted),
                        seq_no_primary_term=True,
                        source=chosen_source(fields),
                        track_total_hits=False,
                    )
            except NotFoundError:
                raise PointInTimeLostError(
                    f"the point in time of {self._index!r}, or an index in it, is gone; reading again"
                ) from None
            except BadRequestError as error:
                limit = _window(error)
                if limit is None or limit >= wanted.page_size:
                    raise
                raise PageTooLargeError(
                    f"an index of {self._index!r} allows {limit} documents in a page (index.max_result_window), not "
                    f"{wanted.page_size}; reading smaller pages, lower OVERSIGHT_WATCH_PAGE_SIZE to avoid this warning",
                    limit=limit,
                ) from None


def chosen_source(fields: Sequence[str] | None) -> dict[str, Any] | bool:
    """`_source` of a search body: everything, some fields, or nothing. A model can have more fields than a URL
    takes.
    """
    return True if fields is None else bool(fields) and {"includes": list(fields)}


def pending_query(*, without: Sequence[str] = (), arrived_before_s: float | None = None) -> dict[str, Any]:
    """Query for what is pending."""
    pending = {"term": {STATUS: PENDING}}
    if not without and arrived_before_s is None:
        return pending
    query: dict[str, Any] = {"filter": [pending]}
    if without:
        query["must_not"] = [{"terms": {"_index": list(without)}}]
    if arrived_before_s is not None:
        early = {"range": {ARRIVAL: {"lt": f"now-{max(1, round(arrived_before_s))}s"}}}
        unknown = {"bool": {"must_not": [{"exists": {"field": ARRIVAL}}]}}
        query["filter"].append({"bool": {"should": [early, unknown], "minimum_should_match": 1}})
    return {"bool": query}


def pages(
    es: Elasticsearch,
    index: str,
    *,
    fields: Sequence[str],
    page_size: int,
    keep_alive_s: float,
    part: tuple[int, int] | None = None,
) -> Generator[list[Hit], None, None]:
    """All documents that are pending now, in pages, from a point in time of their own.

    Raises:
        EngineUnavailableError: or one of its kinds in `watcher.elastic_faults`.
    """
    with PointInTime(es, index, keep_alive_s=keep_alive_s) as point:
        yield from point.pages(Wanted(fields, page_size, part=part))


def is_anything_pending(es: Elasticsearch, index: str, *, without: Sequence[str] = (), strictly: bool = False) -> bool:
    """Whether the search shows anything pending: one light request, which stops at the first document.

    Args:
        es: the cluster.
        index: data stream, index, list, alias or pattern.
        without: indices that do not count.
        strictly: raise where one is missing or closed, in place of leaving it out.
    Raises:
        IndexMissingError: there is no such index.
        IndexClosedError: one of them is closed.
        EngineUnavailableError: nobody can say.
    """
    with engine_faults("looking for pending documents", index=index):
        answer = es.search(
            index=index,
            query=pending_query(without=without),
            size=1,
            source=False,
            track_total_hits=False,
            terminate_after=1,
            ignore_unavailable=not strictly,
        )
    if answer.get("hits", {}).get("hits"):
        return True
    _refuse_partial(answer["_shards"], index)
    return False


def open_point_in_time(es: Elasticsearch, index: str, keep_alive: str) -> str:
    """A point in time of what exists and is open. OpenSearch answers 400 or 500 where that is nothing."""
    with engine_faults("opening a point in time", index=index):
        try:
            return str(es.open_point_in_time(index=index, keep_alive=keep_alive, ignore_unavailable=True)["id"])
        except ApiError as error:
            nothing = error.meta.status in (400, 500)
            if nothing and not es.count(index=index, ignore_unavailable=True)["_shards"]["total"]:
                raise index_missing(index) from None
            raise


def _slice(wanted: Wanted) -> dict[str, Any] | None:
    if wanted.part is None:
        return None
    number, count = wanted.part
    chosen: dict[str, Any] = {"id": number, "max": count}
    return {**chosen, "field": STABLE_FIELD} if wanted.stable else chosen


def _window(error: BadRequestError) -> int | None:
    """The largest page that an index gives, where that is what the engine refuses."""
    found = re.search(r"Result window is too large, .*?\[(\d+)\]", str(error.body))
    return int(found[1]) if found else None


def _refuse_partial(shards: Mapping[str, Any], index: str) -> None:
    """A page that is not full says that nothing more is pending only if there are shards and every one was asked."""
    if not shards.get("total"):
        raise index_missing(index)
    if shards.get("failed"):
        raise EngineUnavailableError(
            f"{shards['failed']} of {shards.get('total')} shards of {index!r} did not answer the search; look "
            "at the cluster's health"
        )
