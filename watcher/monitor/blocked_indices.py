"""Indices that accept no writes for now. The watcher skips them and continues with the others.

block, closed, filtered, no privilege ──▶ skipped for 60 s ──▶ tried again ──▶ written: free
                                                 ▲                └── refused again: twice as long, 1 h at most
                                                 └────────────────────┘
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

log = logging.getLogger(__name__)

LIMIT_S = 3600.0
FILTERED = "filtered_source"
"""Our own reason: the mapping stores less in `_source` than was sent."""
FIXES = {
    "cluster_block_exception": "it is blocked: free disk space, or remove `index.blocks.*` from its settings",
    "index_closed_exception": "it is closed: open it, or leave it out of OVERSIGHT_INDEX",
    FILTERED: "its mapping leaves fields out of `_source`, which an update would erase: reindex into an index "
    "that keeps all of it",
    "security_exception": "the watcher's key or role needs the index privileges `read` and `index` on it",
}
"""What to do, by `error.type` of the refusal. Each means that no document of the index can be written."""


@dataclass(slots=True)
class _Pause:
    reason: str
    pause_s: float
    until_s: float


class Blocked:
    """The skipped indices. Several threads may share it.

    Args:
        first_s: first pause, in seconds.
        clock: returns the time, in seconds.
    """

    def __init__(self, first_s: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._first_s, self._clock, self._lock = first_s, clock, threading.Lock()
        self._pauses: dict[str, _Pause] = {}

    def refused(self, index: str, reason: str) -> None:
        """The engine refused to write to an index; `reason` is its `error.type`."""
        now_s = self._clock()
        with self._lock:
            earlier = self._pauses.get(index)
            if earlier is not None and now_s < earlier.until_s:  # by another part of the same page
                return
            pause_s = self._first_s if earlier is None else min(LIMIT_S, earlier.pause_s * 2)
            self._pauses[index] = _Pause(reason, pause_s, now_s + pause_s)
        if earlier is None:
            log.error(
                "index %s takes no updates (%s); its documents stay pending, the next try is in %.0f s; %s",
                index,
                reason,
                pause_s,
                _fix(reason),
                extra={"event.action": "park-index", "event.outcome": "failure", "watcher.index": index},
            )

    def wrote(self, indices: Iterable[str]) -> None:
        """The engine wrote to these indices."""
        if not self._pauses:
            return
        for index in set(indices):
            with self._lock:
                was = self._pauses.pop(index, None)
            if was is not None:
                log.info(
                    "index %s takes updates again",
                    index,
                    extra={"event.action": "free-index", "event.outcome": "success", "watcher.index": index},
                )

    def now(self) -> tuple[str, ...]:
        """Return the indices to skip now."""
        now_s = self._clock()
        with self._lock:
            return tuple(sorted(index for index, pause in self._pauses.items() if now_s < pause.until_s))

    def reasons(self) -> str:
        """Describe each blocked index, why, and what to do; empty if there are none."""
        with self._lock:
            reasons = {index: pause.reason for index, pause in sorted(self._pauses.items())}
        return ", ".join(f"{index} ({reason}: {_fix(reason)})" for index, reason in reasons.items())


def _fix(reason: str) -> str:
    return FIXES.get(reason, "look at its health")
