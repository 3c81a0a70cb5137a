"""From a list that shows only some events to the page of events, which shows all of them.

    panel, filters, time range ──┐
                                 ├─▶ conditions as a query line ──▶ arguments of /events
    incident ────────────────────┘

The page of events has a time range of arrivals. Where the list has another time, the range is all time and the query
line has the list's time, so that both hold the same events.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from console.finding.errors import QueryLineError
from console.finding.fields import SHORT_NAMES, Fields
from console.finding.query_line import parse
from console.panels.scope import ALL_TIME, Asked
from kibana.panels.conditions import Exists, Is, Not, Where, all_of, kql
from kibana.panels.declarations import ARRIVALS, Dashboard, Panel
from kibana.panels.model_view import ALERT
from watcher.incidents.ids import iso
from watcher.incidents.incident import Incident
from watcher.incidents.rules import MACHINE_FIELDS, TARGET, Rules

NOW = "now"
Arguments = list[tuple[str, str]]
"""Arguments of a URL; a name can occur more than once."""


def add_ways(page: Mapping[str, Any], board: Dashboard, asked: Asked, events: Dashboard) -> None:
    """Add to each shortened list of a page where all of its events are.

    Args:
        page: the page as JSON values.
        board: the page.
        asked: its parsed URL.
        events: the page of events.
    """
    panels = {panel.id: panel for panel in board.panels if panel.search is not None and not panel.source.heartbeats}
    for data in page["panels"]:
        panel, table = panels.get(data["id"]), data.get("table")
        if panel is not None and table is not None and table["left_out"]:
            table["total"] = table["left_out"] + len(table["rows"])
            table["all"] = of_panel(panel, asked, page["range"], events)


def of_panel(panel: Panel, asked: Asked, shown: Mapping[str, int], events: Dashboard) -> Arguments | None:
    """Return the arguments of the page that lists all events of a panel; None if no query line can say it."""
    search = panel.search
    where = None if search is None else search.where
    filters, others = _filters(asked, events)
    parts = [f"({asked.line})" if asked.line else "", _line(all_of(panel.where, where, *others))]
    time = ("from", asked.start), ("to", asked.end)
    if panel.source is not ARRIVALS:
        parts += _times(panel.time_field, asked, shown)
        time = ("from", ALL_TIME), ("to", NOW)
    by = [] if search is None or search.order_by is None else [("sort", ":".join(search.order))]
    line = _joined(parts, asked.fields)
    return None if line is None else [*time, *filters, ("q", line), *by]


def _filters(asked: Asked, events: Dashboard) -> tuple[Arguments, list[Where]]:
    """Return the picked values as filters of the page of events; as conditions where it has no such filter."""
    control_of = {control.field: control.id for control in events.controls if not control.cases}
    filters = [
        (control_of[field], value) for field, values in asked.picked.items() if field in control_of for value in values
    ]
    return filters, [Is(field, values) for field, values in asked.picked.items() if field not in control_of]


def _times(field: str, asked: Asked, shown: Mapping[str, int]) -> list[str]:
    """Return the time range as comparisons. One relative to now stays so."""
    name = next((short for short, known in SHORT_NAMES.items() if known == field), field)
    start = asked.start if asked.start.startswith(NOW) else iso(shown["from"])
    parts = [] if asked.is_open else [f"{name} >= {start}"]
    if asked.end in (NOW, ALL_TIME):
        return [*parts, f"{name} <= {NOW}"]
    end = f"< {asked.end}" if asked.end.startswith(NOW) else f"<= {iso(shown['to'])}"
    return [*parts, f"{name} {end}"]


def of_incident(incident: Incident, rules: Rules, fields: Fields) -> Arguments | None:
    """Return the arguments of the page that lists exactly the alerts of an incident; None if no line can say it."""
    name, key = rules.name_field, incident.key_field
    shared: list[Where] = [ALERT, Is(name, incident.family) if incident.family else Not(Exists(name))]
    if key != TARGET:
        before = MACHINE_FIELDS if key not in MACHINE_FIELDS else MACHINE_FIELDS[: MACHINE_FIELDS.index(key)]
        absent = (*([TARGET] if incident.family in rules.targets else []), *before)
        shared += [Not(Exists(field)) for field in absent]
    if key:
        shared.append(Is(key, incident.key))
    times = (f"happened >= {iso(incident.first_ms)}", f"happened <= {iso(incident.last_ms)}")
    line = _joined([kql(all_of(*shared)), *times], fields)
    return None if line is None else [("from", ALL_TIME), ("to", NOW), ("q", line)]


def _line(where: Where | None) -> str:
    """Return a condition as a part of a query line, which is the simple part of KQL."""
    text = kql(where)
    return f"({text})" if " or " in text else text


def _joined(parts: Iterable[str], fields: Fields | None) -> str | None:
    """Return the parts as one line; None if the line is too long or too deep."""
    line = " and ".join(part for part in parts if part)
    try:
        if fields is not None:
            parse(line, fields, now_ms=0)
    except QueryLineError:
        return None
    return line
