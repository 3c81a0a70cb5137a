"""The time range and the filters of a page, read from its URL."""

from __future__ import annotations

import pytest
from werkzeug.datastructures import MultiDict

from console.panels.scope import ALL_TIME, LONGEST_VALUE, MOST_VALUES, asked, scope_of
from contract.errors import InputError
from kibana.panels.conditions import Is
from kibana.panels.declarations import EVENTS, WATCHERS, Control, Dashboard

NOW_MS = 1_795_600_000_000
BOARD = Dashboard(
    id="b",
    title="B",
    description="",
    intro="",
    panels=(),
    time_from="now-24h",
    controls=(
        Control(id="user", field="user.id", title="User"),
        Control(id="label", field="oversight.prediction.label", title="Label"),
    ),
)


def test_a_url_without_parameters_is_the_dashboard_as_declared() -> None:
    """Its own time range, and no filter."""
    found = asked(MultiDict(), BOARD)
    assert (found.start, found.end, found.picked) == ("now-24h", "now", {})


def test_several_values_of_a_filter_are_alternatives() -> None:
    """One is enough; a repeated value counts once, and an empty one does not count."""
    found = asked(MultiDict([("user", "a"), ("user", "b"), ("user", "a"), ("label", "")]), BOARD)
    assert found.picked == {"user.id": ("a", "b")}
    filters = scope_of(found, now_ms=NOW_MS).filters(EVENTS)
    assert {"terms": {"user.id": ["a", "b"]}} in filters


def test_a_filter_that_the_page_does_not_have_changes_nothing() -> None:
    """No URL can add a condition on any other field."""
    assert asked(MultiDict([("oversight.status", "failed"), ("query", "*")]), BOARD).picked == {}


def test_heartbeats_are_not_filtered_by_users() -> None:
    """They have no users, so all would be filtered out."""
    scope = scope_of(asked(MultiDict([("user", "a")]), BOARD), now_ms=NOW_MS)
    assert len(scope.filters(WATCHERS)) == 1
    assert len(scope.filters(EVENTS)) == 2
    assert len(scope.filters(EVENTS, Is("event.kind", "alert"))) == 3


def test_a_heartbeat_that_is_newer_than_the_page_counts() -> None:
    """A watcher replaces its heartbeat while the page is read. The older one is gone, so the page had none."""
    scope = scope_of(asked(MultiDict(), BOARD), now_ms=NOW_MS)
    assert scope.filters(WATCHERS) == [
        {"range": {"@timestamp": {"gte": NOW_MS - 24 * 3_600_000, "format": "epoch_millis"}}}
    ]


@pytest.mark.parametrize(
    "values", [[str(n) for n in range(MOST_VALUES + 1)], ["x" * (LONGEST_VALUE + 1)]], ids=["many", "long"]
)
def test_filters_have_a_maximum_size(values: list[str]) -> None:
    """A request cannot make Elasticsearch search for thousands of values."""
    with pytest.raises(InputError, match="the filter 'user' has"):
        asked(MultiDict([("user", value) for value in values]), BOARD)


def test_an_invalid_time_is_refused_before_any_search() -> None:
    """The page shows the error."""
    with pytest.raises(InputError, match="is not a time"):
        asked(MultiDict([("from", "last week")]), BOARD)


def test_all_time_begins_with_the_first_event() -> None:
    """Without events the range is a moment long."""
    page = asked(MultiDict([("from", ALL_TIME)]), BOARD)
    assert page.is_open
    assert scope_of(page, now_ms=NOW_MS, first_ms=NOW_MS - 5).time.start_ms == NOW_MS - 5
    empty = scope_of(page, now_ms=NOW_MS).time
    assert empty.start_ms < empty.end_ms
    assert scope_of(page, now_ms=NOW_MS, first_ms=NOW_MS + 10**9).time.start_ms < NOW_MS + 1
