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
import sys
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from elastic_transport import ObjectApiResponse, TransportError
from elasticsearch import ApiError, BadRequestError, Elasticsearch, NotFoundError

from contract.errors import EngineUnavailableError
from contract.fields import ALERT_ROOT, PENDING, STATUS, SUPPRESSED, SUPPRESSED_BY
from watcher.engine import (
    IndexMissingError,
    PageTooLargeError,
    PointInTimeLostError,
    engine_faults,
    index_missing,
    without_retries,
)
from watcher.reading import Reading
from watcher.slices import STABLE_FIELD

log = logging.getLogger(__name__)

ARRIVAL = "event.ingested"
CLOSE_S = 2.0
"""How long the end of a point in time is worth waiting for: it expires by itself."""
ORDER = (
    {ARRIVAL: {"order": "asc", "missing": "_first", "unmapped_type": "date"}},
    {"_shard_doc": "asc"},  # tells documents of the same millisecond apart
)
EARLIER_FIELDS = (
    "event.kind", "event.severity", "event.risk_score", "rule", "threat", "error",
    STATUS, "oversight.prediction", "oversight.model", "oversight.shadow", "oversight.failure", ALERT_ROOT,
    SUPPRESSED, SUPPRESSED_BY,
)  # fmt: skip
"""What an earlier verdict may have left in the document, and the next one may have to take back; with the status one
sees whether `oversight` is an object at all."""


@dataclass(slots=True)
class Hit:
    """One pending document as it was read; `seq_no` and `primary_term` say which write of it that is.

    Never changed; not frozen, as that would cost a microsecond for each document.
    """

    index: str
    """The index that holds it: of a data stream, the backing index."""
    id: str
    seq_no: int
    primary_term: int
    source: Mapping[str, Any]
    routing: str | None = None
    arrival_ms: int | None = None
    """`event.ingested`, milliseconds since 1970; None where it is not known."""

    @property
    def key(self) -> tuple[str, str]:
        """What names the document in the cluster: ids are unique within one index only."""
        return self.index, self.id

    @property
    def target(self) -> dict[str, Any]:
        """Metadata of a bulk action on this document, which only takes place if nobody wrote it since it was read."""
        target: dict[str, Any] = {
            "_index": self.index, "_id": self.id, "if_seq_no": self.seq_no, "if_primary_term": self.primary_term
        }  # fmt: skip
        return target if self.routing is None else {**target, "routing": self.routing}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is read of a point in time.

    Attributes:
        fields: document fields that the model reads; no others are fetched but those of an earlier verdict.
        page_size: documents in one page.
        part: which slice, of how many; None: all.
        stable: tell slices apart so that another point in time has the same ones.
        without: indices that are left out.
        arrived_before_s: only documents that arrived longer ago than this, or nobody knows when.
        reading: whether whole documents are read in place of the fields; None: never.
    """

    fields: Sequence[str]
    page_size: int
    part: tuple[int, int] | None = None
    stable: bool = False
    without: Sequence[str] = ()
    arrived_before_s: float | None = None
    reading: Reading | None = None


class PointInTime:
    """A view of the pending documents of an index, list or pattern; several threads may read parts of it.

    Args:
        es: the cluster.
        index: data stream, index, list or pattern.
        keep_alive_s: seconds that it outlives a page.

    Raises:
        EngineUnavailableError: or one of its kinds in `watcher.engine`.
    """

    def __init__(self, es: Elasticsearch, index: str, *, keep_alive_s: float) -> None:
        self._es, self._index = es, index
        self._keep_alive = f"{max(1, round(keep_alive_s))}s"
        self._id = _open(es, index, self._keep_alive)

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
            EngineUnavailableError: or one of its kinds in `watcher.engine`.
        """
        after: list[Any] | None = None
        reading = wanted.reading
        while True:
            whole = reading is not None and reading.whole
            size = wanted.page_size if reading is None else reading.size(wanted.page_size)
            answer = self._search(wanted, after, size=size, whole=whole)
            self._id = answer.get("pit_id", self._id)
            found = answer["hits"]["hits"]
            if found:
                page = list(map(hit_of, found))
                if reading is not None:
                    reading.saw(page, whole=whole)
                yield page
            if len(found) < size:
                _refuse_partial(answer["_shards"], self._index)
                return
            after = found[-1]["sort"]

    def _search(self, wanted: Wanted, after: list[Any] | None, *, size: int, whole: bool) -> ObjectApiResponse[Any]:
        """One page. Nothing of the answer is filtered: that would cost the engine more than it saves us."""
        with engine_faults("searching for pending documents", index=self._index):
            try:
                return self._es.search(
                    pit={"id": self._id, "keep_alive": self._keep_alive},
                    query=pending_query(without=wanted.without, arrived_before_s=wanted.arrived_before_s),
                    sort=ORDER,
                    size=size,
                    search_after=after,
                    slice=_slice(wanted),
                    seq_no_primary_term=True,
                    source_includes=None if whole else [*wanted.fields, *EARLIER_FIELDS],
                    track_total_hits=False,
                )
            except NotFoundError:
                raise PointInTimeLostError(
                    f"the point in time of {self._index!r}, or an index in it, is gone; reading anew"
                ) from None
            except BadRequestError as error:
                limit = _window(error)
                if limit is None or limit >= wanted.page_size:
                    raise
                raise PageTooLargeError(
                    f"an index of {self._index!r} gives {limit} documents in a page (index.max_result_window), not "
                    f"{wanted.page_size}; reading smaller pages, lower OVERSIGHT_WATCH_PAGE_SIZE to have it quiet",
                    limit=limit,
                ) from None


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
        EngineUnavailableError: or one of its kinds in `watcher.engine`.
    """
    with PointInTime(es, index, keep_alive_s=keep_alive_s) as point:
        yield from point.pages(Wanted(fields, page_size, part, reading=Reading()))


def is_anything_pending(es: Elasticsearch, index: str, *, without: Sequence[str] = ()) -> bool:
    """Whether the search shows anything pending: one light request, which stops at the first document.

    Raises:
        IndexMissingError: there is no such index.
        EngineUnavailableError: nobody can say.
    """
    with engine_faults("looking for pending documents", index=index):
        answer = es.search(
            index=index, query=pending_query(without=without), size=1, source=False, track_total_hits=False,
            terminate_after=1, filter_path="_shards,hits.hits._id",
        )  # fmt: skip
    if answer.get("hits", {}).get("hits"):
        return True
    _refuse_partial(answer["_shards"], index)
    return False


def refresh(es: Elasticsearch, index: str) -> bool:
    """Make every write visible to the next search. False without the privilege for it: then that takes a while."""
    try:
        es.indices.refresh(index=index)
    except ApiError as error:
        log.debug("no refresh of %s: status %s", index, error.meta.status)
        return False
    except TransportError:
        log.debug("no refresh of %s: no answer", index)
        return False
    return True


def those_that_exist(es: Elasticsearch, index: str) -> str:
    """Of a list with commas, the names that exist; anything else as it is.

    Raises:
        IndexMissingError: there is none of them.
        EngineUnavailableError: nobody can say.
    """
    names = [name for name in index.split(",") if name]
    if len(names) < 2:
        return index
    there = []
    for name in names:
        with contextlib.suppress(IndexMissingError), engine_faults("looking for an index", index=name):
            if es.search(index=name, size=0, track_total_hits=False, filter_path="_shards")["_shards"]["total"]:
                there.append(name)
    if not there:
        raise index_missing(index)
    return ",".join(there)


def _open(es: Elasticsearch, index: str, keep_alive: str) -> str:
    """A point in time. OpenSearch answers 400 where no index fits a pattern, so that is asked for after any 400."""
    with engine_faults("opening a point in time", index=index):
        try:
            return str(es.open_point_in_time(index=index, keep_alive=keep_alive)["id"])
        except BadRequestError:
            if not es.count(index=index)["_shards"]["total"]:
                raise index_missing(index) from None
            raise


def _slice(wanted: Wanted) -> dict[str, Any] | None:
    if wanted.part is None:
        return None
    number, count = wanted.part
    chosen: dict[str, Any] = {"id": number, "max": count}
    return {**chosen, "field": STABLE_FIELD} if wanted.stable else chosen


def hit_of(item: Mapping[str, Any]) -> Hit:
    """A document as a search, or a get, gave it."""
    arrival = (item.get("sort") or (None,))[0]
    return Hit(
        sys.intern(item["_index"]),  # the same few names come with every document
        item["_id"],
        item["_seq_no"],
        item["_primary_term"],
        item.get("_source") or {},
        item.get("_routing"),
        arrival if isinstance(arrival, int) and arrival > 0 else None,
    )


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
            f"{shards['failed']} of {shards.get('total')} shards of {index!r} did not answer the search; look at the cluster's health"
        )
