"""Wrong tokens, counted by address: who tries too often is told to wait, and the log has one line for it.

    wrong token ──▶ the address's count of this minute ─┬─ up to `FREE` ──▶ 401
                                                        └─ more ──▶ 429 with Retry-After

A right token is never counted and never waits, whatever its address did: a watcher behind the same proxy as an attacker
goes on. What keeps a guesser out is the length of the token; the brake makes the attempt visible and cheap.
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
"""Wrong tokens of an address in a minute that are answered 401: somebody mistypes, or a watcher still has the old
token.
"""
MOST_ADDRESSES = 4_096
"""Addresses that are remembered; the one that was silent longest is forgotten first."""
MOST_LINES = 100
"""Lines in a minute, of all addresses together."""


@dataclass(slots=True)
class _Tried:
    since_s: float
    times: int = 0


class Brake:
    """Counts for one process; threads share it."""

    def __init__(self) -> None:
        self._of: dict[str, _Tried] = {}
        self._lines = _Tried(-WINDOW_S)
        self._lock = threading.Lock()

    def failed(self, address: str) -> int | None:
        """Count a wrong token. Gives the seconds that the address has to wait; None: it may try again."""
        name, now_s = network_of(address), time.monotonic()
        with self._lock:
            tried = self._of.pop(name, None)
            before = 0 if tried is None else tried.times
            fresh = tried is None or now_s - tried.since_s >= WINDOW_S
            if tried is None or fresh:
                tried = _Tried(now_s)
            tried.times += 1
            self._of[name] = tried
            if len(self._of) > MOST_ADDRESSES:
                del self._of[next(iter(self._of))]
            says = fresh and self._may_say(now_s)
        if says:
            log.warning(
                "wrong tokens come from %s%s; requests with the right token are still answered",
                address,
                f" ({before} when it last tried)" if before else "",
                extra={"event.action": "wrong-token", "source.ip": address},
            )
        return None if tried.times <= FREE else max(1, math.ceil(tried.since_s + WINDOW_S - now_s))

    def _may_say(self, now_s: float) -> bool:
        if now_s - self._lines.since_s >= WINDOW_S:
            self._lines = _Tried(now_s)
        self._lines.times += 1
        return self._lines.times <= MOST_LINES
