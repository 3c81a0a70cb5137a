"""The time range of a page: as it stands in an address, in milliseconds, and cut into buckets.

now-24h ... now ──▶ parse() ──▶ TimeRange ──▶ interval_ms() ──▶ buckets that a chart can show
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
"""Widths of buckets that a person reads easily; all of them divide a day, or are days."""
MOST_BUCKETS = 72
"""Columns that a chart of half a screen shows apart."""
EARLIEST_MS, LATEST_MS = -62_135_596_800_000, 253_402_300_799_000
"""Years 1 to 9999: what dates can say."""
_RELATIVE = re.compile(r"now(?:-(\d{1,6})([smhdwMy]))?")


@dataclass(frozen=True, slots=True)
class TimeRange:
    """From `start_ms`, included, to `end_ms`, not included; milliseconds since 1970."""

    start_ms: int
    end_ms: int

    @property
    def interval_ms(self) -> int:
        """Width of a bucket, so that there are at most `MOST_BUCKETS` and one more."""
        return interval_ms(self.end_ms - self.start_ms)

    def buckets(self) -> range:
        """Begin of every bucket that touches the range, empty ones included; buckets are aligned to 1970."""
        width = self.interval_ms
        return range(self.start_ms // width * width, self.end_ms, width)


def interval_ms(span_ms: int) -> int:
    """The narrowest width that cuts a span into few enough buckets."""
    for width in INTERVALS:
        if span_ms <= width * MOST_BUCKETS:
            return width
    widest = INTERVALS[-1]
    return widest * math.ceil(span_ms / (widest * MOST_BUCKETS))


def parse(text: str, *, now_ms: int) -> int:
    """A moment as an address has it: `now`, `now-24h`, milliseconds since 1970, or an ISO 8601 date.

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
    """Both ends; the second that has begun is part of a range that ends now.

    Raises:
        InputError: an end is no time, or the range ends before it begins.
    """
    found = TimeRange(parse(start, now_ms=now_ms), parse(end, now_ms=now_ms) + (1 if end == "now" else 0))
    if found.end_ms <= found.start_ms:
        raise InputError(f"the time range ends before it begins ({shorten(start)} to {shorten(end)}); swap the two")
    return found
