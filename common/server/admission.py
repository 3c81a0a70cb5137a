"""Whether the request of this thread is to be worked on: the worker says it, the application asks."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request gets no answer but 503."""

    waiting: int
    """How many requests waited when it came, as many as are allowed; 0: it waited too long itself."""
    waited_s: float = 0.0


class Admission:
    """Counts who waits for a thread, and keeps the refusal of the request that this thread works on."""

    def __init__(self) -> None:
        self.waiting = 0
        self.on_change: Callable[[int], None] | None = None
        """Told how many wait."""
        self._lock = threading.Lock()
        self._terms = _Terms()

    def arrived(self, most: int) -> bool:
        """One more waits; False where that many wait already."""
        with self._lock:
            if self.waiting >= most:
                return False
            self.waiting += 1
        self._changed()
        return True

    def began(self) -> None:
        """One of those that waited has a thread now."""
        with self._lock:
            self.waiting -= 1
        self._changed()

    def _changed(self) -> None:
        if self.on_change is not None:
            self.on_change(self.waiting)

    @contextlib.contextmanager
    def refusing(self, refusal: Refusal | None) -> Iterator[None]:
        """Within it, the request of this thread is refused; None: it is not."""
        self._terms.refusal = refusal
        try:
            yield
        finally:
            self._terms.refusal = None

    @property
    def refusal(self) -> Refusal | None:
        """Why the request of this thread is not to be worked on; None: it is."""
        return self._terms.refusal


class _Terms(threading.local):
    refusal: Refusal | None = None


admission = Admission()
"""Of this process: gunicorn makes the worker, Flask the application, and both meet here."""
