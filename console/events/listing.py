"""A page beside the dashboards that lists the events of any status. The counts above every page link to it.

It uses the same kinds of panels. Only the console shows it, because Kibana has Discover for that.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from console.panels.indices import Indices
from console.panels.searches import Engine, is_too_large
from contract.documents.feedback import VERDICTS
from contract.documents.fields import ENRICHED, FAILED, PENDING, STATUS
from kibana.panels.conditions import All, Between, Exists, Is, Not
from kibana.panels.declarations import ARRIVALS, Case, Cases, Column, Control, Dashboard, Panel, SavedSearch, Times
from kibana.panels.model_view import ALERT, FAMILY, LABEL, SEVERITY_CASES, SEVERITY_FIELD, View
from kibana.panels.palette import STATUS as STATUS_COLOURS
from watcher.incidents.rules import OF_ONE_ALERT, TIME

OF_A_LARGE_ONE = {
    "includes": [
        "@timestamp",
        "event",
        "oversight",
        "rule",
        "threat",
        "error",
        "user",
        "source",
        "destination",
        "host",
        "observer",
    ],
    "excludes": ["event.original", "oversight.rejected", "oversight.shipped", "oversight.original"],
}
"""What is read of an event that is too large: everything except the raw line, the features and unmapped fields."""
VERDICT = "oversight.feedback.verdict"
_NOTHING = "no event arrived in this time range that matches the filters"
_STATUSES = Cases(
    title="Status",
    cases=tuple(Case(name, Is(STATUS, name), STATUS_COLOURS[name]) for name in (ENRICHED, PENDING, FAILED)),
)


def board(view: View) -> Dashboard:
    """Return the page of the events of a model. It has the filters of the dashboards, and one by status."""
    columns = (
        Column(field=STATUS, title="Status", width=90),
        Column(field=view.who.field, title=view.who.title, width=110),
        *view.machines,
        Column(field=LABEL, title="Label", width=130),
        *view.holding,
        Column(field=FAMILY, title="Family", width=90),
        Column(field="event.risk_score", title="Risk", width=50),
        view.certainty,
        Column(field=VERDICT, title="Verdict", width=90, optional=True),
        Column(field="error.message", title="Error"),
        Column(field="event.original", title="Raw line"),
    )
    newest = SavedSearch(
        id="events",
        title="Events",
        description="All events by arrival time, newest first",
        columns=columns,
        source=ARRIVALS,
        turns_pages=True,
    )
    return Dashboard(
        id="events",
        title="Events",
        description="All events: enriched, pending and failed",
        intro="**What you see:** all events by arrival time: enriched, pending and failed. Click a row to see the "
        "whole event.",
        panels=(
            Panel(
                id="arrivals",
                title="Arrivals",
                question="When did events arrive, and what is their status?",
                chart="time_bar",
                by=(Times("Arrival"), _STATUSES),
                source=ARRIVALS,
                may_be_empty=_NOTHING,
                width=48,
                height=9,
            ),
            Panel(
                id="newest-events",
                title="Newest events",
                question="Which events arrived last? Click a row to see the event.",
                chart="documents",
                metrics=(),
                search=newest,
                source=ARRIVALS,
                may_be_empty=_NOTHING,
                width=48,
                height=26,
            ),
        ),
        controls=_controls(view),
    )


def _controls(view: View) -> tuple[Control, ...]:
    """Return the filters of the dashboards, and those that only this page has."""
    kinds = (Case("alert", ALERT), Case("no alert", Not(ALERT)))
    verdicts = tuple(Case(word.replace("_", " "), Is(VERDICT, word)) for word in VERDICTS)
    none = Case("none", All((Exists(LABEL), Not(Exists(VERDICT)))))
    severities = (*SEVERITY_CASES.cases, Case("none", Between(SEVERITY_FIELD, None, 1)))
    host = Control(id="host", field="host.name", title="Host")
    return (
        Control(id="kind", field="event.kind", title="Kind", cases=kinds),
        Control(id="severity", field=SEVERITY_FIELD, title="Severity", cases=severities),
        Control(id="status", field=STATUS, title="Status"),
        Control(id="verdict", field=VERDICT, title="Verdict", cases=(*verdicts, none)),
        *view.controls,
        *(() if any(control.id == host.id for control in view.controls) else (host,)),
    )


def find(engine: Engine, indices: Indices, index: str, doc_id: str) -> Mapping[str, Any] | None:
    """Return one event of this installation with its whole `_source`, and the indexed fields that say which incident
    it belongs to, if the engine can read them; None if it does not exist.

    The search covers only this installation's stream, so a URL cannot read another index. Ids are unique in each
    backing index only: without an index (an empty text) it is the newest event with this id.

    Raises:
        EngineUnavailableError: Elasticsearch does not respond.
    """
    wanted: list[dict[str, Any]] = [{"ids": {"values": [doc_id]}}]
    if index:
        wanted.append({"term": {"_index": index}})
    newest = [{"@timestamp": {"order": "desc", "unmapped_type": "date"}}]
    indexed = {"docvalue_fields": [{"field": TIME, "format": "epoch_millis"}, *OF_ONE_ALERT]}
    body: dict[str, Any] = {"size": 1, "query": {"bool": {"filter": wanted}}, "sort": newest, **indexed}
    answer = engine.msearch([(indices.events, body)])[0]
    if "error" in answer and not is_too_large(answer):  # an index of others may map these fields as text
        del body["docvalue_fields"]
        answer = engine.msearch([(indices.events, body)])[0]
    if is_too_large(answer):
        answer = engine.msearch([(indices.events, {**body, "_source": OF_A_LARGE_ONE})])[0]
    hits = (answer.get("hits") or {}).get("hits") or []
    return next((hit for hit in hits if index in ("", hit["_index"])), None)
