"""The documents of one request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Page:
    """Documents as columns."""

    ids: Sequence[str]
    sources: Sequence[bytes]
    """The JSON object of each document's fields."""

    def where(self, chosen: Sequence[bool]) -> Page:
        """The chosen documents."""
        return Page(
            [doc_id for doc_id, wanted in zip(self.ids, chosen, strict=True) if wanted],
            [source for source, wanted in zip(self.sources, chosen, strict=True) if wanted],
        )
