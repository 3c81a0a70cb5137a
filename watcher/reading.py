"""Whole documents, or only the fields that are needed? What costs the engine less, within a bounded memory.

    first page: few, whole ──▶ small on average? ──yes──▶ whole pages ──▶ a page of large ones ──┐
                                      └─ no ──▶ chosen fields, for some pages ──▶ few, whole ◀───┘

To take documents apart costs the engine about as much as all else that it does for a search. But what a document holds besides
the model's fields is the shipper's affair, and a page of large ones must not fill our memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from watcher.wire import dump

if TYPE_CHECKING:
    from watcher.poll import Hit

SMALL_BYTES = 4_096
"""Mean size up to which documents are read whole; a line of KDD's columns makes one of 1,500 bytes."""
FEW = 50
"""Documents of a page that finds out how large they are."""
SAMPLE = 20
"""Documents of a page of which the size is taken."""
PAGES = 100
"""Pages of chosen fields until it is tried again."""


class Reading:
    """How pages are read; several threads may ask, and what they disagree on is one page."""

    def __init__(self) -> None:
        self._known = False
        self._chosen_left = 0

    @property
    def whole(self) -> bool:
        """Whether the next page holds whole documents."""
        return self._chosen_left == 0

    def size(self, page_size: int) -> int:
        """Documents in the next page."""
        return page_size if self._known or not self.whole else min(FEW, page_size)

    def saw(self, hits: Sequence[Hit], *, whole: bool) -> None:
        """A page came, of whole documents or of chosen fields."""
        if not whole:
            self._chosen_left = max(0, self._chosen_left - 1)
            return
        sample = hits[:: max(1, len(hits) // SAMPLE)]
        self._known = sum(len(dump(hit.source)) for hit in sample) <= SMALL_BYTES * len(sample)
        self._chosen_left = 0 if self._known else PAGES
