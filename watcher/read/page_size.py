"""How much to read at once: documents in a page, and whole documents or only the fields that are needed.

    first page: few, whole ──▶ small on average? ──yes──▶ whole pages ──▶ a page of large ones ──┐
                                      └─ no ──▶ chosen fields, for some pages ──▶ few, whole ◀───┘

    page above the byte limit ─▶ chosen fields, and as many documents as had arrived ─▶ pages that fit
        ─▶ twice as many each time

Choosing fields costs the engine about as much as the rest of a search, so small documents are read whole. But the
shipper decides what a document holds besides the model's fields, and a page of large documents must not fill our
memory, nor the engine's. The engine builds a whole page in its heap before it sends the first byte, so we never ask for
a page again that was too large.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from common.json_bytes import dump
from watcher.read.hit import Hit

SMALL_BYTES = 4_096
"""Mean size up to which documents are read whole. A line of KDD's columns gives one of 1,500 bytes."""
FEW = 50
"""Documents in a page that measures how large they are."""
SAMPLE = 20
"""Documents of a page that are measured."""
UPDATE_BYTES = 32 * 1024 * 1024
"""Most bytes of the documents that are updated together: an engine reads each one whole and keeps them until all are
written.
"""
PAGES = 100
"""Pages of chosen fields before whole documents are tried again."""
NO_LIMIT = sys.maxsize


class Reading:
    """How to read the next page. Several threads may share it; if they disagree, that costs one page.

    Args:
        chooses: whether fields can be chosen; False: documents are always read whole.
    """

    def __init__(self, *, chooses: bool = True) -> None:
        self._chooses, self._known_small = chooses, False
        self._chosen_left = 0
        self._index_limit = self._update_limit = NO_LIMIT
        self._bytes_limit = NO_LIMIT if chooses else FEW

    @property
    def whole(self) -> bool:
        """Whether the next page holds whole documents."""
        return not self._chooses or self._chosen_left == 0

    def size(self, page_size: int) -> int:
        """Return the number of documents in the next page."""
        if self._chooses and self.whole and not self._known_small:
            page_size = min(FEW, page_size)
        return min(page_size, self._index_limit, self._bytes_limit, self._update_limit)

    def limit(self, documents: int) -> None:
        """An index does not allow more documents in a page."""
        self._index_limit = documents

    def too_large(self, size: int, complete: int, limit_bytes: int, *, whole: bool) -> bool:
        """A page was above the byte limit. Return whether less can be read; False: it was a single document.

        Args:
            size: documents that the page should have.
            complete: documents that had arrived.
            limit_bytes: the limit.
            whole: whether they were whole documents.
        """
        self._bytes_limit = max(1, min(size // 2, complete))
        if not (whole and self._chooses):
            return size > 1
        self._known_small, self._chosen_left = False, PAGES
        self._update_limit = max(1, UPDATE_BYTES * (complete + 1) // limit_bytes)
        return True

    def saw(self, hits: Sequence[Hit], *, whole: bool) -> None:
        """A page arrived, of whole documents or of chosen fields."""
        if len(hits) >= self._bytes_limit:
            self._bytes_limit = 2 * len(hits)  # it fitted: try twice as many
        if not self._chooses:
            return
        if not whole:
            self._chosen_left = max(0, self._chosen_left - 1)
            return
        sample = hits[:: max(1, len(hits) // SAMPLE)]
        mean_bytes = sum(len(dump(hit.source)) for hit in sample) / len(sample)
        self._known_small = mean_bytes <= SMALL_BYTES
        self._chosen_left = 0 if self._known_small else PAGES
        self._update_limit = NO_LIMIT if self._known_small else max(1, int(UPDATE_BYTES / mean_bytes))
