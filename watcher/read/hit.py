"""One document of a search response or a get."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class Hit:
    """One document as it was read; `seq_no` and `primary_term` say which write of it that is.

    Not frozen: that would cost a microsecond for each document.
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
    too_large: bool = False
    """Its fields are above the byte limit: `source` holds those of an earlier verdict at most."""

    @property
    def key(self) -> tuple[str, str]:
        """What identifies the document in the cluster: ids are unique within one index only."""
        return self.index, self.id

    @property
    def target(self) -> dict[str, Any]:
        """Metadata of a bulk action on this document, which only takes place if nobody wrote it since it was read."""
        target: dict[str, Any] = {
            "_index": self.index,
            "_id": self.id,
            "if_seq_no": self.seq_no,
            "if_primary_term": self.primary_term,
        }
        return target if self.routing is None else {**target, "routing": self.routing}


def hit_of(item: Mapping[str, Any]) -> Hit:
    """A document as a search, or a get, returned it."""
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
