"""How much is read at once: documents in a page, and whole documents or only the fields that are needed.

    first page: few, whole ──▶ small on average? ──yes──▶ whole pages ──▶ a page of large ones ──┐
                                      └─ no ──▶ chosen fields, for some pages ──▶ few, whole ◀───┘

    page above the byte limit ─▶ chosen fields, and as few documents as had arrived ─▶ pages that fit
        ─▶ twice as many each time

To take documents apart costs the engine about as much as all else that it does for a search. But what a document holds
besides the model's fields is the shipper's affair, and a page of large ones must not fill our memory. Nor the engine's:
it makes a whole page in its heap before it sends the first byte, so a page that was too large is never asked for again
in halves from the top.
"""

from __future__ import annotations

from collections.abc import Sequence

from common.json_bytes import dump
from watcher.read.hit import Hit

SMALL_BYTES = 4_096
"""Mean size up to which documents are read whole; a line of KDD's columns makes one of 1,500 bytes."""
FEW = 50
"""Documents of a page that finds out how large they are."""
SAMPLE = 20
"""Documents of a page of which the size is taken."""
UPDATE_BYTES = 32 * 1024 * 1024
"""Documents that are updated together are about so large in all: an engine reads each one whole, and keeps them until
all are written.
"""
PAGES = 100
"""Pages of chosen fields until it is tried again."""


class Fit:
    """How many documents fit into a page of limited bytes. Several threads may ask.

    Args:
        first: documents in the first page; None: as many as a page may have.
    """

    def __init__(self, first: int | None = None) -> None:
        self._most = first

    def size(self, page_size: int) -> int:
        """Documents in the next page."""
        return page_size if self._most is None else min(page_size, self._most)

    def too_large(self, size: int, complete: int) -> None:
        """A page of so many documents was above the limit; so many of them were read by then."""
        self._most = max(1, min(size // 2, complete))

    def fitted(self, size: int, page_size: int) -> None:
        """A page of so many documents was not: try twice as many."""
        if self._most is not None and size >= self._most:
            self._most = None if 2 * size >= page_size else 2 * size


class Reading:
    """How pages are read; several threads may ask, and what they disagree on is one page.

    Args:
        chooses: whether fields can be chosen; False: documents are always read whole.
    """

    def __init__(self, *, chooses: bool = True) -> None:
        self._chooses, self._known = chooses, False
        self._chosen_left = 0
        self._fit = Fit(None if chooses else FEW)
        self._together: int | None = None

    @property
    def whole(self) -> bool:
        """Whether the next page holds whole documents."""
        return not self._chooses or self._chosen_left == 0

    def size(self, page_size: int) -> int:
        """Documents in the next page."""
        if self._chooses and self.whole and not self._known:
            page_size = min(FEW, page_size)
        size = self._fit.size(page_size)
        return size if self._together is None else min(size, self._together)

    def too_large(self, size: int, complete: int, limit_bytes: int, *, whole: bool) -> bool:
        """A page was above the byte limit. Returns whether less can be read; False: it was a single document.

        Args:
            size: documents that were asked for.
            complete: documents that had arrived by then.
            limit_bytes: the limit.
            whole: whether they were whole.
        """
        self._fit.too_large(size, complete)
        if not (whole and self._chooses):
            return size > 1
        self._known, self._chosen_left = False, PAGES
        self._together = max(1, UPDATE_BYTES * (complete + 1) // limit_bytes)
        return True

    def saw(self, hits: Sequence[Hit], page_size: int, *, whole: bool) -> None:
        """A page came, of whole documents or of chosen fields."""
        self._fit.fitted(len(hits), page_size)
        if not self._chooses:
            return
        if not whole:
            self._chosen_left = max(0, self._chosen_left - 1)
            return
        sample = hits[:: max(1, len(hits) // SAMPLE)]
        mean_bytes = sum(len(dump(hit.source)) for hit in sample) / len(sample)
        self._known = mean_bytes <= SMALL_BYTES
        self._chosen_left = 0 if self._known else PAGES
        self._together = None if self._known else max(1, int(UPDATE_BYTES / mean_bytes))
