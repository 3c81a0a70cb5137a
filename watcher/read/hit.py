"""One document of a search response or a get."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class Hit:
    """One document as it was read; `seq_no` and `primary_term` identify the write.

    It is not frozen, because that costs a microsecond per document.
    """

    index: str
    """The index that holds it; for a data stream, the backing index."""
    id: str
    seq_no: int
    primary_term: int
    source: Mapping[str, Any]
    routing: str | None = None
    arrival_ms: int | None = None
    """`event.ingested`, milliseconds since 1970; None if unknown."""
    too_large: bool = False
    """Its fields are above the byte limit, so `source` holds at most those of an earlier verdict."""

    @property
    def key(self) -> tuple[str, str]:
        """The identity of the document in the cluster: ids are unique only within one index."""
        return self.index, self.id

    @property
    def target(self) -> dict[str, Any]:
        """Metadata of a bulk action. The action only succeeds if nobody wrote the document since it was read."""
        target: dict[str, Any] = {
            "_index": self.index,
            "_id": self.id,
            "if_seq_no": self.seq_no,
            "if_primary_term": self.primary_term,
        }
        return target if self.routing is None else {**target, "routing": self.routing}


def hit_of(item: Mapping[str, Any]) -> Hit:
    """Return the document in an item of a search response, or in the response of a get."""
    arrival = (item.get("sort") or (None,))[0]
    return Hit(
        item["_index"],
        item["_id"],
        item["_seq_no"],
        item["_primary_term"],
        item.get("_source") or {},
        item.get("_routing"),
        arrival if isinstance(arrival, int) and arrival > 0 else None,
    )
