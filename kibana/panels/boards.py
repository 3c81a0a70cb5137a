"""All dashboards for one model, derived from its contract alone.

ModelContract ──▶ View ──▶ threats.py, triage.py, operations.py ──▶ Boards
"""

from __future__ import annotations

from collections.abc import Mapping

from contract.artifact.contract import Feature, ModelContract
from contract.documents.fields import FIELDS, Kind
from contract.documents.heartbeats import FIELDS as HEARTBEAT_FIELDS
from kibana.panels import operations, threats, triage
from kibana.panels.declarations import Boards, Source
from kibana.panels.model_view import View


def boards(contract: ModelContract) -> Boards:
    """The dashboards, saved searches, saved queries and colours for this model."""
    view = View(contract)
    return Boards(
        dashboards=tuple(part.dashboard(view) for part in (threats, triage, operations)),
        queries=threats.queries(view),
        colours=view.colours,
    )


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
