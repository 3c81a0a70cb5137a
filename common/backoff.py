"""Waits that double, with jitter, so that many watchers do not come back in step."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

RETRY_AFTER_LIMIT_S = 300.0
"""A server that asks for more patience than this is asked again all the same."""


class Backoff:
    """The waits between tries: each is between half of a doubling bound and the bound.

    Args:
        first_s: bound of the first wait.
        limit_s: the bound grows to this and no further.
    """

    def __init__(self, first_s: float, limit_s: float, *, rng: random.Random | None = None) -> None:
        self.first_s, self.limit_s = first_s, limit_s
        self.tries = 0
        self._rng = rng or random.Random()  # noqa: S311  spreads load, guards nothing

    def next_s(self, at_least_s: float | None = None) -> float:
        """Seconds to wait now; never less than what a server's Retry-After asks for."""
        doublings = min(self.tries, 30)  # 2**30 times any first wait is past every limit
        bound = min(self.limit_s, self.first_s * 2.0**doublings)
        self.tries += 1
        wait_s = bound / 2 + self._rng.random() * bound / 2
        return max(wait_s, min(at_least_s or 0.0, RETRY_AFTER_LIMIT_S))

    def reset(self) -> None:
        """The work went well: the next wait is the first again."""
        self.tries = 0


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds that a Retry-After header asks for, whether it names seconds or a date; None without a sensible one."""
    value = headers.get("retry-after", "").strip()
    try:
        seconds = float(value)
    except ValueError:
        try:
            then = parsedate_to_datetime(value)
        except ValueError:
            return None
        if then.tzinfo is None:
            then = then.replace(tzinfo=UTC)
        seconds = (then - datetime.now(UTC)).total_seconds()
    return seconds if math.isfinite(seconds) and seconds > 0 else None
