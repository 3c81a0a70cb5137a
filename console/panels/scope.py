"""What of the documents a page is about: time range and picked values, read from its address.

?from=now-24h&to=now&user=alpha&family=dos ──▶ Asked ──(bounds, where the range is open)──▶ Scope
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from console.panels.time_range import TimeRange, parse, parse_range
from contract.errors import InputError
from kibana.panels.conditions import Where, all_of, query
from kibana.panels.declarations import Dashboard, Panel, Source

ALL_TIME = "all"
"""In place of the begin of a range: from the first event on."""
MOST_VALUES, LONGEST_VALUE = 50, 8_191
"""Of one filter: more is no choice of a person, and a longer value no field holds."""


class Arguments(Protocol):
    """The arguments of an address, each given any number of times."""

    def getlist(self, key: str) -> Sequence[str]:
        """All values of one."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A page's address, understood."""

    start: str
    end: str
    picked: Mapping[str, tuple[str, ...]]
    """Values by document field, of which one is enough; a field without any is not there."""

    @property
    def is_open(self) -> bool:
        """From the first event on, whenever that was."""
        return self.start == ALL_TIME


def asked(arguments: Arguments, board: Dashboard) -> Asked:
    """Read the arguments of an address.

    Raises:
        InputError: a time is none, or a filter is too long.
    """
    start, end = _one(arguments, "from", board.time_from), _one(arguments, "to", board.time_to)
    picked = {}
    for control in board.controls:
        values = tuple(dict.fromkeys(value for value in arguments.getlist(control.id) if value))
        if len(values) > MOST_VALUES or any(len(value) > LONGEST_VALUE for value in values):
            raise InputError(
                f"the filter {control.id!r} has too many or too long values; expected at most {MOST_VALUES} values "
                f"with at most "
                f"{LONGEST_VALUE} characters each"
            )
        if values:
            picked[control.field] = values
    for moment in (start, end):
        if moment != ALL_TIME:
            parse(moment, now_ms=0)
    return Asked(start, end, picked)


def _one(arguments: Arguments, name: str, default: str) -> str:
    values = [value for value in arguments.getlist(name) if value]
    return values[-1] if values else default


@dataclass(frozen=True, slots=True)
class Scope:
    """What every panel of a page is restricted to."""

    time: TimeRange
    picked: Mapping[str, tuple[str, ...]]

    def filters(self, source: Source, *where: Where | None) -> list[dict[str, Any]]:
        """The conditions of a search over one source; heartbeats know no users, families or labels."""
        bounds = {"gte": self.time.start_ms, "lt": self.time.end_ms, "format": "epoch_millis"}
        found: list[dict[str, Any]] = [{"range": {source.time_field: bounds}}]
        if not source.heartbeats:
            found += [{"terms": {name: list(values)}} for name, values in self.picked.items()]
        condition = all_of(*where)
        return found if condition is None else [*found, query(condition)]

    def query(self, panel: Panel) -> dict[str, Any]:
        """The documents of a panel."""
        search = None if panel.search is None else panel.search.where
        return {"bool": {"filter": self.filters(panel.source, panel.where, search)}}


def scope_of(page: Asked, *, now_ms: int, first_ms: int | None = None) -> Scope:
    """The scope of a page at a moment.

    Args:
        page: what was asked.
        now_ms: the moment, milliseconds since 1970.
        first_ms: when the first event happened, where the page asks for all; None: there is none.
    Raises:
        InputError: the range ends before it begins.
    """
    if not page.is_open:
        return Scope(parse_range(page.start, page.end, now_ms=now_ms), page.picked)
    end = parse(page.end, now_ms=now_ms) + 1 if page.end != ALL_TIME else now_ms + 1
    first = end - 1 if first_ms is None else first_ms
    return Scope(TimeRange(min(first, end - 1), end), page.picked)
