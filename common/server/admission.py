"""Decides whether the request of this thread is handled. The worker sets it; the application reads it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NotAdmitted:
    """Why a request gets a 503."""

    waiting: int
    """Number of requests that were waiting when it came, equal to the limit; 0: it waited too long itself."""
    waited_s: float = 0.0


class Admission:
    """Counts the requests that wait for a thread, and stores the refusal of the request that this thread handles."""

    def __init__(self) -> None:
        self.waiting = 0
        self.on_change: Callable[[int], None] | None = None
        """Called with the new number of waiting requests."""
        self._lock = threading.Lock()
        self._refusal: ContextVar[NotAdmitted | None] = ContextVar("refusal", default=None)

    def arrived(self, most: int) -> bool:
        """Add a waiting request; False if `most` are waiting already."""
        with self._lock:
            if self.waiting >= most:
                return False
            self.waiting += 1
        self._changed()
        return True

    def began(self) -> None:
        """A waiting request got a thread."""
        with self._lock:
            self.waiting -= 1
        self._changed()

    def _changed(self) -> None:
        if self.on_change is not None:
            self.on_change(self.waiting)

    @contextlib.contextmanager
    def refusing(self, refusal: NotAdmitted | None) -> Iterator[None]:
        """Refuse the request of this thread inside the block; None: handle it."""
        token = self._refusal.set(refusal)
        try:
            yield
        finally:
            self._refusal.reset(token)

    @property
    def refusal(self) -> NotAdmitted | None:
        """Why the request of this thread is refused; None: handle it."""
        return self._refusal.get()


admission = Admission()
"""The instance of this process. gunicorn creates the worker and Flask the application; both use this object."""
