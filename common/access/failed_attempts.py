"""Count wrong tokens per client address. Too many get a 429, and the log gets one line.

    wrong token ──▶ count of this address in this minute ─┬─ up to `FREE` ──▶ 401
                                                          └─ more ──▶ 429 with Retry-After

A right token is never counted and never waits, so a watcher behind the same proxy as an attacker keeps working. The
length of the token is what stops a guesser. The count makes the attempt visible and cheap.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from dataclasses import dataclass

from common.access.client_addresses import network_of

log = logging.getLogger(__name__)

WINDOW_S = 60.0
FREE = 10
"""Wrong tokens per address and minute that get a 401: a typing error, or a watcher that still has the old token."""
MOST_ADDRESSES = 4_096
"""Number of addresses to remember. The address that was silent longest is dropped first."""
MOST_LINES = 100
"""Log lines per minute, for all addresses together."""


@dataclass(slots=True)
class _Tried:
    since_s: float
    times: int = 0


class FailedAttempts:
    """The counts of one process. Threads share it."""

    def __init__(self) -> None:
        self._by_address: dict[str, _Tried] = {}
        self._lines = _Tried(-WINDOW_S)
        self._lock = threading.Lock()

    def count(self, address: str) -> int | None:
        """Count a wrong token. Return the seconds that the address must wait; None: it may try again now."""
        name, now_s = network_of(address), time.monotonic()
        with self._lock:
            tried = self._by_address.pop(name, _Tried(now_s - WINDOW_S))
            before, fresh = tried.times, now_s - tried.since_s >= WINDOW_S
            if fresh:
                tried = _Tried(now_s)
            tried.times += 1
            self._by_address[name] = tried
            if len(self._by_address) > MOST_ADDRESSES:
                del self._by_address[next(iter(self._by_address))]
            log_it = fresh and self._may_log(now_s)
        if log_it:
            log.warning(
                "wrong tokens come from %s%s; requests with the right token are still answered",
                address,
                f" ({before} when it last tried)" if before else "",
                extra={"event.action": "wrong-token", "source.ip": address},
            )
        return None if tried.times <= FREE else max(1, math.ceil(tried.since_s + WINDOW_S - now_s))

    def _may_log(self, now_s: float) -> bool:
        if now_s - self._lines.since_s >= WINDOW_S:
            self._lines = _Tried(now_s)
        self._lines.times += 1
        return self._lines.times <= MOST_LINES
