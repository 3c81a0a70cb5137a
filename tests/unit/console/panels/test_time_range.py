"""The time range of a page, as its URL defines it and as a chart can show it."""

from __future__ import annotations

import pytest

from console.panels.time_range import (
    DAY,
    HOUR,
    MINUTE,
    MOST_BUCKETS,
    SECOND,
    TimeRange,
    interval_ms,
    parse,
    parse_range,
)
from contract.errors import InputError

NOW_MS = 1_795_600_000_000


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("now", NOW_MS),
        ("now-15m", NOW_MS - 15 * MINUTE),
        ("now-24h", NOW_MS - DAY),
        ("now-7d", NOW_MS - 7 * DAY),
        ("1795600000001", NOW_MS + 1),
        ("2026-11-25T10:00:00Z", 1_795_600_800_000),
        ("2026-11-25T12:00:00+02:00", 1_795_600_800_000),
        ("2026-11-25", 1_795_564_800_000),
    ],
)
def test_a_moment_is_read_in_every_form_of_a_url(text: str, moment: int) -> None:
    """Without a time zone it is UTC."""
    assert parse(text, now_ms=NOW_MS) == moment


@pytest.mark.parametrize(
    "text", ["", "now+1h", "now-1x", "yesterday", "99999999999999999", "now-24h; drop", "٣", "2026-13-01"]
)
def test_an_invalid_moment_is_refused_in_one_line(text: str) -> None:
    """The message shows what is expected."""
    with pytest.raises(InputError, match="is not a time; expected `now-24h`") as problem:
        parse(text, now_ms=NOW_MS)
    assert "\n" not in str(problem.value)


def test_a_range_that_ends_before_it_begins_is_refused() -> None:
    """Its chart would be empty without a message."""
    with pytest.raises(InputError, match="ends before it begins"):
        parse_range("now", "now-1h", now_ms=NOW_MS)


def test_a_range_that_ends_now_includes_the_present_moment() -> None:
    """An event of this millisecond is counted."""
    assert parse_range("now-1h", "now", now_ms=NOW_MS).end_ms == NOW_MS + 1


@pytest.mark.parametrize(
    "span_ms", [1, SECOND, 15 * MINUTE, HOUR, DAY, 7 * DAY, 30 * DAY, 365 * DAY, 2_000 * 365 * DAY]
)
def test_a_chart_gets_no_more_buckets_than_it_can_show(span_ms: int) -> None:
    """One more if the range does not start and end at bucket bounds."""
    found = TimeRange(NOW_MS + 7 - span_ms, NOW_MS + 7).buckets()
    assert 1 <= len(found) <= MOST_BUCKETS + 1
    assert found[0] <= NOW_MS + 7 - span_ms
    assert found[-1] < NOW_MS + 7 <= found[-1] + found.step


def test_buckets_have_readable_widths() -> None:
    """A day in half hours, a week in three hours."""
    assert interval_ms(DAY) == 30 * MINUTE
    assert interval_ms(7 * DAY) == 3 * HOUR
