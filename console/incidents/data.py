"""Incidents as plain JSON values, with text that is safe to show.

Engine, Rules, Scope ──▶ watcher.incidents ──▶ Incident, Detail ──▶ JSON of the page
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from console.events.safe_text import label
from console.events.story import ATTACK_PAGES, STEPS
from console.finding.fields import Fields
from console.finding.whole import of_incident
from console.panels.chart import Colours
from console.panels.indices import Indices
from console.panels.scope import Scope
from console.panels.searches import Engine
from kibana.panels.declarations import EVENTS
from watcher.incidents.columns import VERDICT
from watcher.incidents.detail import Detail, Event, detail
from watcher.incidents.ids import format_id
from watcher.incidents.incident import Counted, Incident, Technique
from watcher.incidents.markdown import as_markdown
from watcher.incidents.page import Span, page
from watcher.incidents.rules import RISK, TARGET, TIME, Rules

KEY_TITLES = {
    "source.ip": "Machine",
    "destination.ip": "Target",
    "user.id": "User",
    "host.name": "Host",
    "observer.name": "Sensor",
    "": "Machine",
}
NO_MACHINE = "no machine"


@dataclass(frozen=True, slots=True)
class Desk:
    """Where incidents come from, and how they are shown."""

    engine: Engine
    indices: Indices
    rules: Rules
    colours: Colours
    fields: Fields
    """What a query line can name."""

    def page(self, scope: Scope, after: int) -> dict[str, Any]:
        """Return one page of incidents.

        Raises:
            EngineUnavailableError: Elasticsearch does not answer.
            InputError: `after` is not the end of a page.
        """
        span = Span(scope.time.start_ms, scope.time.end_ms)
        found = page(self.engine.client(), self.indices.events, self.rules, span, scope.conditions(EVENTS), after)
        return {
            "rows": [self.row(one) for one in found.incidents],
            "after": found.after,
            "first": after == 0,
            "machines": found.machines,
            "note": found.note,
            "gap_ms": self.rules.gap_ms,
        }

    def detail(self, incident_id: str, *, address: str) -> dict[str, Any]:
        """Return one incident with its details.

        Args:
            incident_id: the id.
            address: address of the console, for the link in the Markdown.
        Raises:
            EngineUnavailableError: Elasticsearch does not answer.
            InputError: there is no such incident.
        """
        found = detail(self.engine.client(), self.indices.events, self.rules, incident_id)
        link = f"{address}?incident={quote(found.incident.id, safe='')}"
        return {
            "incident": self.row(found.incident),
            "meanings": [[label(each.label), each.text] for each in found.meanings],
            "bar_ms": found.bar_ms,
            "timeline": [[bar.start_ms, bar.events, bar.risk] for bar in found.timeline],
            "reasons": [[label(each.value), each.events] for each in found.reasons],
            "events": [_event(each) for each in found.events],
            "all": of_incident(found.incident, self.rules, self.fields),
            "around": _around(found),
            "markdown": as_markdown(found, link=link),
        }

    def of_event(self, hit: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the incident that an event belongs to; None if it is no alert.

        Args:
            hit: the event with its indexed fields.
        """
        fields: Mapping[str, list[Any]] = hit.get("fields") or {}
        if fields.get("event.kind") != ["alert"] or not fields.get(TIME):
            return None
        field, key = self.rules.key_of(fields)
        name = str((fields.get(self.rules.name_field) or [""])[0])
        return {
            "id": format_id(self.rules.dataset, field, key, name, int(fields[TIME][0])),
            **_names(field, key, name),
            "by": "target" if field == TARGET else "machine",
        }

    def row(self, one: Incident) -> dict[str, Any]:
        """Return one incident as the list shows it."""
        first_label = one.labels[0].value if one.labels else ""
        return {
            "id": one.id,
            "series": one.id.rpartition("/")[0],
            **_names(one.key_field, one.key, one.family),
            "by": one.by,
            "field": one.key_field,
            "first": one.first_ms,
            "last": one.last_ms,
            "events": one.events,
            "risk": round(one.risk, 1),
            "severity": one.severity,
            "severity_word": next(word for least, word in STEPS if one.severity >= least or not least),
            "labels": _counted(one.labels),
            "others": {"count": one.other_side.n_addresses, "first": _counted(one.other_side.addresses)},
            "techniques": [_technique(each) for each in one.techniques],
            "verdicts": [one.verdicts.true_positive, one.verdicts.false_positive, one.verdicts.open],
            "colour": self.colours.get("label", {}).get(first_label) or self.colours.get("family", {}).get(one.family),
        }


def _names(key_field: str, key: str, family: str) -> dict[str, Any]:
    """Return what and who, for the title of an incident."""
    return {
        "family": label(family) if family else "alerts",
        "who": [KEY_TITLES.get(key_field, "Machine"), label(key) if key_field else NO_MACHINE],
    }


def _counted(values: tuple[Counted, ...]) -> list[list[Any]]:
    return [[label(each.value), each.events] for each in values]


def _technique(one: Technique) -> dict[str, str | None]:
    base, _, below = one.id.partition(".")
    is_id = base[:1] == "T" and base[1:].isascii() and base[1:].isdigit() and (not below or below.isdigit())
    page = f"{ATTACK_PAGES}techniques/{base}/{f'{below}/' if below else ''}" if is_id else None
    return {"id": label(one.id), "name": label(one.name) if one.name else "", "page": page}


def _event(one: Event) -> dict[str, Any]:
    fields = one.fields
    risk = fields.get(RISK)
    return {
        "index": one.index,
        "id": one.id,
        "at": one.at_ms,
        "label": _text(fields, "oversight.prediction.label"),
        "risk": risk if isinstance(risk, int | float) else None,
        "user": _text(fields, "user.id"),
        "source": _text(fields, "source.ip"),
        "destination": _text(fields, "destination.ip"),
        "service": _text(fields, "network.protocol"),
        "verdict": _text(fields, VERDICT),
    }


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    return "" if value is None else label(value)


def _around(found: Detail) -> list[list[Any]] | None:
    if found.around is None:
        return None
    return [[label(each.label), each.events, each.alerts, each.first_ms, each.last_ms] for each in found.around]
