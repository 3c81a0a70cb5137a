"""Read documents page by page, in the order of their arrival.

    one light search: is anything pending? ──no──▶ nothing more
                  │ yes
    open point in time ──▶ search, oldest arrival first ──▶ page of hits ──▶ ... ──▶ a page that is not full ──▶ close
                                  ▲                             │
                                  └──── search_after ◀──────────┘

The status decides, not the time: a late or backdated event is pending and is found. A point in time shows the documents
as they were when it was opened, so a round sees each document once. The next round reads what arrives meanwhile.
"""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
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
    query_not_understood,
    without_retries,
)
from watcher.read.hit import Hit, hit_of
from watcher.read.page_size import Reading
from watcher.read.slices import STABLE_FIELD

log = logging.getLogger(__name__)

ARRIVAL = "event.ingested"
CLOSE_S = 2.0
"""Longest wait when a point in time is closed. It expires by itself anyway."""
ORDER = (
    {ARRIVAL: {"order": "asc", "missing": "_first", "unmapped_type": "date"}},
    {"_shard_doc": "asc"},  # orders documents of the same millisecond
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
"""What an earlier verdict may have left in the document, so that the next one can remove it. The status shows whether
`oversight` is an object at all.
"""

Query = Mapping[str, Any]
Response = ObjectApiResponse[Any]
Attempt = Callable[[Callable[[], Response]], Response]
"""Sends a request, and may send it again after a server error."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to read of a point in time."""

    query: Query
    fields: Sequence[str]
    """Document fields to fetch, where `reading` does not ask for whole documents."""
    page_size: int
    """Most documents in one page."""
    page_bytes: int = LIMIT_BYTES
    """Most bytes of one page."""
    few_fields: Sequence[str] = EARLIER_FIELDS
    """Fields to fetch of a document whose `fields` alone are larger than a page."""
    part: tuple[int, int] | None = None
    """Number of the slice, and count of slices; None: everything."""
    stable: bool = False
    """Slice so that another point in time has the same slices."""
    every_shard: bool = False
    """Raise as soon as one shard does not answer. Otherwise only a page that is not full needs every shard."""
    reading: Reading = field(default_factory=Reading)
    """How many documents to read at once, and whether to read whole documents."""


class PointInTime:
    """A view of the documents of an index, list or pattern. Several threads may read parts of it.

    Args:
        es: the cluster.
        index: data stream, index, list or pattern.
        keep_alive_s: seconds that it stays open after each page.
        attempt: sends each request.

    Raises:
        EngineUnavailableError: or one of its kinds in `watcher.elastic_faults`.
    """

    def __init__(
        self, es: Elasticsearch, index: str, *, keep_alive_s: float, attempt: Attempt = lambda send: send()
    ) -> None:
        self._es, self._index, self._attempt = es, index, attempt
        self._keep_alive = f"{max(1, round(keep_alive_s))}s"
        self._id = str(attempt(partial(_open, es, index, self._keep_alive))["id"])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let Elasticsearch forget it."""
        with contextlib.suppress(ApiError, TransportError):  # it expires by itself
            without_retries(self._es, within_s=CLOSE_S).close_point_in_time(id=self._id)

    def count(self, query: Query) -> int:
        """Count the documents that match.

        Raises:
            InputError: Elasticsearch does not understand the query.
            EngineUnavailableError: or one of its kinds in `watcher.elastic_faults`.
        """
        pit = {"id": self._id, "keep_alive": self._keep_alive}
        with engine_faults("counting documents", index=self._index):
            try:
                response = self._es.search(pit=pit, query=query, size=0, track_total_hits=True)
            except BadRequestError as error:
                raise query_not_understood(error) from None
        _refuse_partial(response["_shards"], self._index)
        return int(response["hits"]["total"]["value"])

    def pages(self, wanted: Wanted) -> Generator[list[Hit], None, None]:
        """Return all documents that match, or a slice of them.

        Raises:
            EngineUnavailableError: or one of its kinds in `watcher.elastic_faults`.
        """
        after: list[Any] | None = None
        reading = wanted.reading
        while True:
            whole, too_large = reading.whole, False
            size = reading.size(wanted.page_size)
            try:
                fields = None if whole else wanted.fields
                response = self._attempt(partial(self._search, wanted, after, size, fields))
            except PageTooLargeError as error:
                log.warning("%s", error, extra={"event.action": "read-again"})
                reading.limit(error.limit)
                continue
            except LargeResponseError as error:
                if reading.too_large(size, error.hits, wanted.page_bytes, whole=whole):
                    continue
                response, too_large = self._attempt(partial(self._search_large, wanted, after)), True
            self._id = response.get("pit_id", self._id)
            found = response["hits"]["hits"]
            if len(found) < size or wanted.every_shard:
                _refuse_partial(response["_shards"], self._index)
            if found:
                page = list(map(hit_of, found))
                if too_large:
                    page[0].too_large = True
                else:
                    reading.saw(page, whole=whole)
                yield page
            if len(found) < size:
                return
            after = found[-1]["sort"]

    def _search_large(self, wanted: Wanted, after: list[Any] | None) -> Response:
        """Read one document that is above the limit by itself: a few fields, or none of it."""
        try:
            return self._search(wanted, after, 1, wanted.few_fields)
        except LargeResponseError:
            return self._search(wanted, after, 1, ())

    def _search(self, wanted: Wanted, after: list[Any] | None, size: int, fields: Sequence[str] | None) -> Response:
        """Read one page of whole documents, or of some fields.

        The response is not filtered, because that costs the engine more than it saves us.

        Raises:
            LargeResponseError: the page is above the byte limit.
            PageTooLargeError: an index does not allow so many documents in a page.
        """
        with engine_faults("searching for documents", index=self._index):
            try:
                with within(wanted.page_bytes):
                    return self._es.search(
                        pit={"id": self._id, "keep_alive": self._keep_alive},
                        query=wanted.query,
                        sort=ORDER,
                        size=size,
                        search_after=after,
                        slice=_slice(wanted),
                        seq_no_primary_term=True,
                        source=True if fields is None else bool(fields) and {"includes": list(fields)},
                        track_total_hits=False,
                    )
            except NotFoundError:
                raise PointInTimeLostError(
                    f"the point in time of {self._index!r}, or an index in it, is gone; reading again"
                ) from None
            except BadRequestError as error:
                limit = _window(error)
                if limit is None or limit >= size:
                    raise
                raise PageTooLargeError(
                    f"an index of {self._index!r} allows {limit} documents in a page (index.max_result_window), not "
                    f"{size}; reading smaller pages, lower OVERSIGHT_WATCH_PAGE_SIZE to avoid this warning",
                    limit=limit,
                ) from None


def pending_query(*, without: Sequence[str] = (), arrived_before_s: float | None = None) -> Query:
    """Return the query for pending documents.

    Args:
        without: indices to leave out.
        arrived_before_s: only documents that arrived longer ago than this, or whose arrival is unknown.
    """
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


def is_anything_pending(es: Elasticsearch, index: str, *, without: Sequence[str] = (), strictly: bool = False) -> bool:
    """Whether the search finds a pending document: one light request, which stops at the first document.

    Args:
        es: the cluster.
        index: data stream, index, list, alias or pattern.
        without: indices to leave out.
        strictly: raise if an index is missing or closed; otherwise it is left out.
    Raises:
        IndexMissingError: there is no such index, or none that is open.
        IndexClosedError: one of them is closed.
        EngineUnavailableError: Elasticsearch does not answer.
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


def _open(es: Elasticsearch, index: str, keep_alive: str) -> Response:
    """Open a point in time of the indices that exist and are open. OpenSearch answers 400 or 500 if there are none."""
    with engine_faults("opening a point in time", index=index):
        try:
            return es.open_point_in_time(index=index, keep_alive=keep_alive, ignore_unavailable=True)
        except ApiError as error:
            may_be_missing = error.meta.status in (400, 500)
            if may_be_missing and not es.count(index=index, ignore_unavailable=True)["_shards"]["total"]:
                raise index_missing(index) from None
            raise


def _slice(wanted: Wanted) -> dict[str, Any] | None:
    if wanted.part is None:
        return None
    number, count = wanted.part
    chosen: dict[str, Any] = {"id": number, "max": count}
    return {**chosen, "field": STABLE_FIELD} if wanted.stable else chosen


def _window(error: BadRequestError) -> int | None:
    """Return the largest page that an index allows; None if the engine refuses for another reason."""
    found = re.search(r"Result window is too large, .*?\[(\d+)\]", str(error.body))
    return int(found[1]) if found else None


def _refuse_partial(shards: Mapping[str, Any], index: str) -> None:
    """Raise unless there are shards and all of them answered: otherwise the documents of some could be missing."""
    if not shards.get("total"):
        raise index_missing(index)
    if shards.get("failed"):
        raise EngineUnavailableError(
            f"{shards['failed']} of {shards.get('total')} shards of {index!r} did not answer the search; look "
            "at the cluster's health"
        )
