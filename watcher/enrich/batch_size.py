"""Decides how many documents one request to the enrich service may hold. No I/O.

a request fails ──▶ half of it, and so on down to 1         some requests of that size work ──▶ twice as many
413             ──▶ half of it, twice as many in the next round
"""

from __future__ import annotations

GROW_AFTER, GROW_AFTER_LIMIT = 4, 256
"""Requests in a row that must work before a larger one is tried. The number doubles each time the larger one fails."""


class BatchSize:
    """The size of requests.

    Args:
        page_size: documents in a request without failures.
    """

    def __init__(self, page_size: int) -> None:
        self._page_size, self._size, self._taken = page_size, page_size, page_size
        self._worked, self._best, self._patience, self._grown = 0, 0, GROW_AFTER, False

    @property
    def size(self) -> int:
        """Documents in the next request."""
        return min(self._size, self._taken)

    @property
    def cautious(self) -> bool:
        """Whether requests are smaller than a page because larger ones failed."""
        return self._size < self._page_size

    def new_round(self) -> None:
        """Try whether the service accepts more documents again."""
        self._taken = min(self._page_size, self._taken * 2)

    def new_page(self) -> None:
        """Forget the largest size that worked, because other documents follow."""
        self._best = 0

    def refused(self, count: int) -> None:
        """The service refused a request as too large."""
        self._taken = min(self._taken, max(1, count // 2))

    def failed(self, count: int) -> None:
        """The service failed on a request."""
        if self._grown and count >= self._size:
            self._patience = min(GROW_AFTER_LIMIT, self._patience * 2)
        self._grown = False
        self._size, self._worked = min(self._size, max(1, count // 2)), 0

    def worked(self, count: int) -> None:
        """The service answered a request."""
        self._best = max(self._best, count)
        if 2 * count < self._size:  # the small rest of a page proves nothing
            return
        self._size, self._worked = max(self._size, count), self._worked + 1
        if self._worked < self._patience:
            return
        if self._size == self._page_size:
            self._patience, self._grown = GROW_AFTER, False
            return
        self._size, self._worked, self._grown = min(self._page_size, self._size * 2), 0, True

    def single_document_failed(self) -> None:
        """A single document caused the failure, not the size: return to the size that worked in this page."""
        self._size = max(self._size, self._best)
