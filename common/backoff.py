"""Exponential backoff with jitter, so that many watchers do not retry at the same moment."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

RETRY_AFTER_LIMIT_S = 300.0
"""Longest wait that we accept from a Retry-After header."""


class Backoff:
    """The waits between tries. The upper bound doubles each time; a wait is between half the bound and the bound.

    Args:
        first_s: bound of the first wait.
        limit_s: highest bound.
    """

    def __init__(self, first_s: float, limit_s: float, *, rng: random.Random | None = None) -> None:
        self.first_s, self.limit_s = first_s, limit_s
        self.tries = 0
        self._rng = rng or random.Random()  # noqa: S311  spreads load, guards nothing

    def next_s(self, at_least_s: float | None = None) -> float:
        """Return the seconds to wait now, at least as long as the server's Retry-After."""
        doublings = min(self.tries, 30)  # 2**30 times any first wait is above every limit
        bound = min(self.limit_s, self.first_s * 2.0**doublings)
        self.tries += 1
        wait_s = bound / 2 + self._rng.random() * bound / 2
        return max(wait_s, min(at_least_s or 0.0, RETRY_AFTER_LIMIT_S))

    def reset(self) -> None:
        """Start again with the first wait, after a success."""
        self.tries = 0


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Return the wait in seconds of a Retry-After header, given in seconds or as a date; None if it is not usable."""
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
