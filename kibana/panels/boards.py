"""All dashboards for one model, derived from its contract alone.

ModelContract ──▶ View ──▶ threats.py, triage.py, operations.py ──▶ Boards
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from contract.artifact.contract import Feature, ModelContract
from contract.documents.fields import FIELDS, Kind
from contract.documents.heartbeats import FIELDS as HEARTBEAT_FIELDS
from kibana.panels import operations, threats, triage
from kibana.panels.conditions import All, Exists, Where
from kibana.panels.declarations import Boards, Dashboard, Panel, Source
from kibana.panels.model_view import ALERT, LABEL, View


def boards(contract: ModelContract) -> Boards:
    """The dashboards, saved searches, saved queries and colours for this model."""
    view = View(contract)
    return Boards(
        dashboards=tuple(explained(part.dashboard(view), view) for part in (threats, triage, operations)),
        queries=threats.queries(view),
        colours=view.colours,
    )


def explained(board: Dashboard, view: View) -> Dashboard:
    """The dashboard, with a reason for every panel that can be empty and names none of its own."""
    return replace(board, panels=tuple(_explained(panel, view) for panel in board.panels))


def _explained(panel: Panel, view: View) -> Panel:
    if panel.may_be_empty is not None or panel.chart == "metric":
        return panel
    wheres = {*_parts(panel.where), *_parts(None if panel.search is None else panel.search.where)}
    reasons: tuple[tuple[Where, str], ...] = (
        (ALERT, "there is no alert"),
        (view.unknown, "no verdict is `unknown`"),
        (view.threat, f"there is no {view.words.one}"),
        (Exists(LABEL), "no event has a verdict"),
    )
    found = next((reason for where, reason in reasons if where in wheres), "there is no event")
    return replace(panel, may_be_empty=f"{found} in this time range that matches the filters")


def _parts(where: Where | None) -> Iterator[Where]:
    """A condition and the conditions that it consists of."""
    if where is not None:
        yield where
        if isinstance(where, All):
            yield from where.parts


def known_fields(contract: ModelContract, source: Source) -> Mapping[str, Kind]:
    """The type of every field in a source's mapping, by field name."""
    if source.heartbeats:
        return {field.name: field.kind for field in HEARTBEAT_FIELDS}
    model = {feature.field: _kind_of(feature) for feature in contract.features}
    return model | {field.name: field.kind for field in FIELDS}


def _kind_of(feature: Feature) -> Kind:
    """The type of a feature's field. Hours, weekdays and seconds are read from a date."""
    if feature.kind == "string":
        return "keyword"
    return "float" if feature.reads == "number" else "boolean" if feature.reads == "boolean" else "date"
