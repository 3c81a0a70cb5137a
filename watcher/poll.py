"""Read pending documents, page by page, in the order of their arrival.

    open point in time ──▶ search, oldest arrival first ──▶ page of hits ──▶ ... ──▶ an empty page ──▶ close
                                  ▲                             │
                                  └──── search_after ◀──────────┘

What decides is the status, not the time: a late or backdated event is pending and is found. A point in time shows the
documents as they were when it was opened, so each is seen once in a round; what arrives meanwhile is the next round's.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from elastic_transport import TransportError
from elasticsearch import ApiError, BadRequestError, Elasticsearch

from contract.errors import EngineUnavailableError
from contract.fields import ALERT_ROOT, PENDING, STATUS
from watcher.engine import engine_faults, index_missing

log = logging.getLogger(__name__)

ORDER = (
    {"event.ingested": {"order": "asc", "missing": "_first", "unmapped_type": "date"}},
    {"_shard_doc": "asc"},  # tells documents of the same millisecond apart
)
EARLIER_FIELDS = (
    "event.kind", "event.severity", "event.risk_score", "rule", "threat", "error",
    STATUS, "oversight.prediction", "oversight.model", "oversight.shadow", "oversight.failure", ALERT_ROOT,
)  # fmt: skip
"""What an earlier verdict may have left in the document, and the next one may have to take back; with the status one
sees whether `oversight` is an object at all."""


@dataclass(frozen=True, slots=True)
class Hit:
    """One pending document as it was read; `seq_no` and `primary_term` say which write of it that is."""

    index: str
    """The index that holds it: of a data stream, the backing index."""
    id: str
    seq_no: int
    primary_term: int
    source: Mapping[str, Any]
    routing: str | None = None

    @property
    def key(self) -> tuple[str, str]:
        """What names the document in the cluster: ids are unique within one index only."""
        return self.index, self.id


def pages(
    es: Elasticsearch,
    index: str,
    *,
    fields: Sequence[str],
    page_size: int,
    keep_alive_s: float,
    part: tuple[int, int] | None = None,
) -> Generator[list[Hit], None, None]:
    """All documents that are pending now, in pages of at most `page_size`.

    Args:
        es: the cluster.
        index: data stream, index, list or pattern.
        fields: document fields that the model reads; no others are fetched but those of an earlier verdict.
        page_size: documents in one page.
        keep_alive_s: seconds that the point in time outlives a page.
        part: which slice of them, of how many; None: all.
    Raises:
        EngineUnavailableError: or one of its kinds in `watcher.engine`.
    """
    keep_alive = f"{max(1, round(keep_alive_s))}s"
    point = _open(es, index, keep_alive)
    try:
        after: list[Any] | None = None
        while True:
            with engine_faults("searching for pending documents", index=index):
                answer = es.search(
                    pit={"id": point, "keep_alive": keep_alive},
                    query={"term": {STATUS: PENDING}},
                    sort=ORDER,
                    size=page_size,
                    search_after=after,
                    slice=None if part is None else {"id": part[0], "max": part[1]},
                    seq_no_primary_term=True,
                    source_includes=[*fields, *EARLIER_FIELDS],
                    track_total_hits=False,
                )
            point = answer.get("pit_id", point)
            found = answer["hits"]["hits"]
            if not found:
                _refuse_partial(answer["_shards"], index)
                return
            yield [_hit(item) for item in found]
            after = found[-1]["sort"]
    finally:
        with contextlib.suppress(ApiError, TransportError):  # it expires by itself
            es.options(max_retries=0, request_timeout=2).close_point_in_time(id=point)


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


def count_pending(es: Elasticsearch, index: str) -> int:
    """How many documents are pending, as far as the search shows.

    Raises:
        EngineUnavailableError: nobody can say.
    """
    with engine_faults("counting pending documents", index=index):
        return int(es.count(index=index, query={"term": {STATUS: PENDING}})["count"])


def _open(es: Elasticsearch, index: str, keep_alive: str) -> str:
    """A point in time. OpenSearch answers 400 where no index fits a pattern, so that is asked for after any 400."""
    with engine_faults("opening a point in time", index=index):
        try:
            return str(es.open_point_in_time(index=index, keep_alive=keep_alive)["id"])
        except BadRequestError:
            if not es.count(index=index)["_shards"]["total"]:
                raise index_missing(index) from None
            raise


def _hit(item: Mapping[str, Any]) -> Hit:
    return Hit(
        index=item["_index"],
        id=item["_id"],
        seq_no=item["_seq_no"],
        primary_term=item["_primary_term"],
        source=item.get("_source") or {},
        routing=item.get("_routing"),
    )


def _refuse_partial(shards: Mapping[str, Any], index: str) -> None:
    """An empty page says that nothing is pending only if there are shards and every one was asked."""
    if not shards.get("total"):
        raise index_missing(index)
    if shards.get("failed"):
        raise EngineUnavailableError(
            f"{shards['failed']} of {shards.get('total')} shards of {index!r} did not answer the search; look at the cluster's health"
        )
