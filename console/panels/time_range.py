"""The time range of a page: parsed from its URL, in milliseconds, and divided into buckets.

now-24h ... now ──▶ parse() ──▶ TimeRange ──▶ interval_ms() ──▶ buckets of a chart
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime

from contract.errors import InputError, shorten

SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000
UNITS = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY, "M": 30 * DAY, "y": 365 * DAY}
INTERVALS = (
    1 * SECOND,
    2 * SECOND,
    5 * SECOND,
    10 * SECOND,
    15 * SECOND,
    30 * SECOND,
    1 * MINUTE,
    2 * MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    1 * HOUR,
    2 * HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
    1 * DAY,
    2 * DAY,
    7 * DAY,
    30 * DAY,
    90 * DAY,
    365 * DAY,
)
"""Widths of buckets that are easy to read. All of them divide a day or are whole days."""
MOST_BUCKETS = 72
"""Most columns in a chart of half a screen."""
EARLIEST_MS, LATEST_MS = -62_135_596_800_000, 253_402_300_799_000
"""Years 1 to 9999, the range of Python's dates."""
_RELATIVE = re.compile(r"now(?:-(\d{1,6})([smhdwMy]))?")


@dataclass(frozen=True, slots=True)
class TimeRange:
    """From `start_ms`, included, to `end_ms`, excluded; milliseconds since 1970."""

    start_ms: int
    end_ms: int

    @property
    def interval_ms(self) -> int:
        """Width of a bucket, chosen so that there are at most `MOST_BUCKETS` + 1."""
        return interval_ms(self.end_ms - self.start_ms)

    def buckets(self) -> range:
        """Return the start of every bucket in the range, empty ones included. Buckets are aligned to 1970."""
        width = self.interval_ms
        return range(self.start_ms // width * width, self.end_ms, width)


def interval_ms(span_ms: int) -> int:
    """Return the smallest width that divides a time span into few enough buckets."""
    for width in INTERVALS:
        if span_ms <= width * MOST_BUCKETS:
            return width
    widest = INTERVALS[-1]
    return widest * math.ceil(span_ms / (widest * MOST_BUCKETS))


def parse(text: str, *, now_ms: int) -> int:
    """Parse a moment of a URL: `now`, `now-24h`, milliseconds since 1970, or an ISO 8601 date.

    Raises:
        InputError: it is none of these.
    """
    relative = _RELATIVE.fullmatch(text)
    if relative:
        number, unit = relative[1], relative[2]
        return max(EARLIEST_MS, now_ms - (int(number) * UNITS[unit] if number else 0))
    try:
        if re.fullmatch(r"-?\d{1,15}", text, re.ASCII):
            moment = int(text)
        else:
            date = datetime.fromisoformat(text)
            moment = int((date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() * 1_000)
    except (ValueError, OverflowError):
        moment = LATEST_MS + 1
    if not EARLIEST_MS <= moment <= LATEST_MS:
        raise InputError(
            f"{shorten(text)} is not a time; expected `now-24h`, `now`, or a date such as 2026-01-31T08:00:00Z"
        )
    return moment


def parse_range(start: str, end: str, *, now_ms: int) -> TimeRange:
    """Parse both ends. A range that ends at `now` includes the current millisecond.

    Raises:
        InputError: an end is no time, or the range ends before it begins.
    """
    time_range = TimeRange(parse(start, now_ms=now_ms), parse(end, now_ms=now_ms) + (1 if end == "now" else 0))
    if time_range.end_ms <= time_range.start_ms:
        raise InputError(f"the time range ends before it begins ({shorten(start)} to {shorten(end)}); swap the two")
    return time_range
