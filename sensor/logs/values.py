"""Values of a record, checked: addresses, ports, counts and times, as text or as numbers."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from functools import lru_cache
from ipaddress import ip_address
from typing import Any

from contract.errors import shorten
from sensor.logs.no_flow import NoFlowError

MAX_PORT = 65_535
MAX_COUNT = 2**62 - 1
"""Elasticsearch stores counts as long, and the sum of both sides must fit too."""
MAX_DIGITS = 19
A_TIME = "seconds since 1970 or a time such as 2026-03-04T05:06:07.123456Z"
MAX_TIME_S = 253_402_300_800.0
"""The year 10000. Larger numbers are no seconds."""
MAX_DURATION_S = 9_223_372_036.0
"""292 years: `event.duration` is a long of nanoseconds."""
MIN_MILLISECONDS = 100_000_000_000.0
"""A time above this number is in milliseconds: as seconds it would be in the year 5138."""
_CACHED_ADDRESSES = 65_536


def bad_value(field: str, value: object, expected: str) -> NoFlowError:
    """The error for a value."""
    return NoFlowError(f"{field} is not {expected}", f"{field} is {shorten(value)}, expected {expected}")


def missing(field: str) -> NoFlowError:
    """The error for a field that a record lacks."""
    return NoFlowError(f"{field} is missing", f"{field} is missing, and a flow needs it")


@lru_cache(maxsize=_CACHED_ADDRESSES)
def _address(text: Any) -> str:
    return str(ip_address(text.partition("%")[0]))


def address_of(field: str, value: object) -> str:
    """An IP address in its usual short form, without a zone such as `%eth0`."""
    try:
        return _address(value)
    except (ValueError, TypeError, AttributeError):
        raise bad_value(field, value, "an IP address") from None


def port_of(field: str, value: object) -> int:
    """A port, as a number or as text; of ICMP also a type or a code."""
    return whole_of(field, value, MAX_PORT)


def count_of(field: str, value: object) -> int:
    """A number of bytes or packets."""
    return whole_of(field, value, MAX_COUNT)


def whole_of(field: str, value: object, largest: int) -> int:
    """A whole number from 0 to `largest`, as a number or as text."""
    number = value
    if type(value) is str:
        number = int(value) if len(value) <= MAX_DIGITS and value.isdecimal() else None
    elif type(value) is float:
        number = int(value) if value.is_integer() else None
    if type(number) is int and 0 <= number <= largest:
        return number
    raise bad_value(field, value, f"a whole number from 0 to {largest}")


def time_of(field: str, value: object) -> float:
    """A time in seconds since 1970: from seconds, milliseconds or ISO 8601. A time without a zone is UTC."""
    number = _seconds(value)
    if number >= MIN_MILLISECONDS:
        number /= 1000
    if 0 <= number < MAX_TIME_S:
        return number
    raise bad_value(field, value, A_TIME)


def check_length(started_s: float, duration_s: float | None) -> None:
    """Refuse a flow whose end or duration no document can hold.

    Raises:
        NoFlowError: it lasts for centuries, or ends after the year 9999.
    """
    if duration_s is not None and (duration_s > MAX_DURATION_S or started_s + duration_s >= MAX_TIME_S):
        raise bad_value("the duration", duration_s, "at most 292 years, and an end before the year 10000")


def _seconds(value: object) -> float:
    """The number that a value gives, or not a number."""
    if type(value) not in (float, str, int):
        return math.nan
    try:
        return float(value)  # type: ignore[arg-type]
    except ValueError:
        return _from_iso(str(value))
    except OverflowError:
        return math.nan


def _from_iso(text: str) -> float:
    try:
        time = datetime.fromisoformat(text)
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return math.nan
