"""The documents of a page: time range and filters, read from its URL.

?from=now-24h&to=now&user=alpha&severity=high&q=count > 3 ──▶ Asked ──(first event, for all time)──▶ Scope
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from werkzeug.datastructures import MultiDict

from console.finding.fields import Fields
from console.finding.query_line import parse as parse_line
from console.panels.time_range import TimeRange, parse, parse_range
from contract.errors import InputError, shorten
from kibana.panels.conditions import AnyOf, Where, all_of, query
from kibana.panels.declarations import Control, Dashboard, Panel, Source

ALL_TIME = "all"
"""Start of the time range that means the first event."""
MOST_VALUES, LONGEST_VALUE = 50, 8_191
"""Limits of one filter. No person picks more values, and no field has longer ones."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The parsed URL of a page."""

    start: str
    end: str
    picked: Mapping[str, tuple[str, ...]]
    """Picked values by document field; a document matches with any of them. Fields without a value are left out."""
    cases: tuple[Where, ...] = ()
    """One condition for each filter that has conditions as values."""
    line: str = ""
    """The query line."""
    fields: Fields | None = None
    """What the line can name."""

    @property
    def is_open(self) -> bool:
        """Whether the time range begins with the first event."""
        return self.start == ALL_TIME


def asked(arguments: MultiDict[str, str], board: Dashboard, fields: Fields | None = None) -> Asked:
    """Read the arguments of a URL.

    Args:
        arguments: its arguments; those that the page does not know are ignored.
        board: the page.
        fields: what a query line can name; None: the page has no query line.
    Raises:
        InputError: a time is not valid, or a filter is too long or has an unknown value.
    """
    start, end = _one(arguments, "from", board.time_from), _one(arguments, "to", board.time_to)
    picked, cases = {}, []
    for control in board.controls:
        values = tuple(dict.fromkeys(value for value in arguments.getlist(control.id) if value))
        if len(values) > MOST_VALUES or any(len(value) > LONGEST_VALUE for value in values):
            raise InputError(
                f"the filter {control.id!r} has too many or too long values; expected at most {MOST_VALUES} values "
                f"with at most "
                f"{LONGEST_VALUE} characters each"
            )
        if values and control.cases:
            cases.append(_any_case(control, values))
        elif values:
            picked[control.field] = values
    for moment in (start, end):
        if moment != ALL_TIME:
            parse(moment, now_ms=0)
    return Asked(start, end, picked, tuple(cases), _one(arguments, "q", "") if fields is not None else "", fields)


def _any_case(control: Control, values: Sequence[str]) -> Where:
    by_title = {case.title: case.where for case in control.cases}
    for value in values:
        if value not in by_title:
            raise InputError(
                f"the filter {control.id!r} has no value {shorten(value)}; expected one of {', '.join(by_title)}"
            )
    return AnyOf(tuple(by_title[value] for value in values))


def _one(arguments: MultiDict[str, str], name: str, default: str) -> str:
    values = [value for value in arguments.getlist(name) if value]
    return values[-1] if values else default


@dataclass(frozen=True, slots=True)
class Scope:
    """Time range and filters of every panel on a page."""

    time: TimeRange
    picked: Mapping[str, tuple[str, ...]]
    more: tuple[Mapping[str, Any], ...] = ()
    """Queries that an event must match too: the query line, and filters whose values are conditions."""

    def filters(self, source: Source, *where: Where | None) -> list[dict[str, Any]]:
        """Return the conditions of a search over one source.

        Heartbeats have no users, families or labels. Of each watcher only the last one is stored, which can be newer
        than the end of the time range: a watcher may write it while the page is read.
        """
        bounds: dict[str, Any] = {"gte": self.time.start_ms, "format": "epoch_millis"}
        if not source.heartbeats:
            bounds["lt"] = self.time.end_ms
        return [{"range": {source.time_field: bounds}}, *self.conditions(source, *where)]

    def conditions(self, source: Source, *where: Where | None) -> list[dict[str, Any]]:
        """Return the conditions without the time range."""
        picked = {} if source.heartbeats else self.picked
        conditions: list[dict[str, Any]] = [{"terms": {name: list(values)}} for name, values in picked.items()]
        if not source.heartbeats:
            conditions += map(dict, self.more)
        condition = all_of(*where)
        return conditions if condition is None else [*conditions, query(condition)]

    def query(self, panel: Panel) -> dict[str, Any]:
        """Return the query of a panel."""
        search = None if panel.search is None else panel.search.where
        return {"bool": {"filter": self.filters(panel.source, panel.where, search)}}


def scope_of(page: Asked, *, now_ms: int, first_ms: int | None = None) -> Scope:
    """Return the scope of a page at a moment.

    Args:
        page: the parsed URL.
        now_ms: the moment, in milliseconds since 1970.
        first_ms: time of the first event, if the page shows all time; None: no events.
    Raises:
        InputError: the time range ends before it begins, or the query line cannot be read.
    """
    line = None if page.fields is None else parse_line(page.line, page.fields, now_ms=now_ms)
    more = (*map(query, page.cases), *(() if line is None else (line,)))
    if not page.is_open:
        return Scope(parse_range(page.start, page.end, now_ms=now_ms), page.picked, more)
    end = parse(page.end, now_ms=now_ms) + 1 if page.end != ALL_TIME else now_ms + 1
    first = end - 1 if first_ms is None else first_ms
    return Scope(TimeRange(min(first, end - 1), end), page.picked, more)
