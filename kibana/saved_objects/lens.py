"""Compile one panel to a Lens chart that is stored inside the dashboard (by value).

Panel ──▶ columns (lens_columns.py) + visualization (lens_charts.py) ──▶ attributes of a Lens chart
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from contract.documents.fields import Kind
from kibana.panels.conditions import kql
from kibana.panels.declarations import Panel, Times
from kibana.saved_objects.lens_charts import (
    COLOURS_BY,
    LAYER,
    LINES,
    Palette,
    line_id,
    needs_colours_by,
    visualization_of,
)
from kibana.saved_objects.lens_columns import Columns, bucket, bucket_id, constant, metric, metric_id
from kibana.saved_objects.objects import Reference

LAYER_REFERENCE = "indexpattern-datasource-layer-"


def attributes(panel: Panel, *, data_view: str, kinds: Mapping[str, Kind], palette: Palette) -> dict[str, Any]:
    """The attributes of the chart.

    Args:
        panel: any panel except one of documents.
        data_view: id of the data view of its source.
        kinds: type of every field of that source.
        palette: colours of values by scheme.
    """
    kind, visualization = visualization_of(panel, palette)
    columns_by_id = columns(panel, kinds)
    layers = {LAYER: _layer(columns_by_id)}
    if panel.lines:
        layers[LINES] = _layer({line_id(number): constant(line) for number, line in enumerate(panel.lines)})
    return {
        "title": panel.title,
        "description": panel.question,
        "type": "lens",
        "visualizationType": kind,
        "references": [each.to_dict() for each in layer_references(panel, data_view)],
        "state": {
            "visualization": visualization,
            "query": {"language": "kuery", "query": kql(panel.where)},
            "filters": [],
            "datasourceStates": {
                "formBased": {"layers": layers},
                "indexpattern": {"layers": {}},
                "textBased": {"layers": {}},
            },
            "internalReferences": [],
            "adHocDataViews": {},
        },
    }


def _layer(columns_by_id: Columns) -> dict[str, Any]:
    return {
        "columns": columns_by_id,
        "columnOrder": list(columns_by_id),
        "incompleteColumns": {},
        "ignoreGlobalFilters": False,
        "sampling": 1,
    }


def layer_references(panel: Panel, data_view: str) -> list[Reference]:
    """The reference from each layer of a chart to its data view."""
    layers = (LAYER, LINES) if panel.lines else (LAYER,)
    return [Reference(f"{LAYER_REFERENCE}{layer}", "index-pattern", data_view) for layer in layers]


def columns(panel: Panel, kinds: Mapping[str, Kind]) -> Columns:
    """All columns in Lens's order: buckets from the outside in, then metrics with their inner columns."""
    columns_by_id: Columns = {}
    for number, each in sorted(enumerate(panel.by), key=lambda numbered: isinstance(numbered[1], Times)):
        # Time goes innermost, so that the most common values are those of the whole time range, not of each time
        # bucket.
        columns_by_id[bucket_id(number)] = bucket(each, time_field=panel.time_field, kinds=kinds, order_by=metric_id(0))
    if needs_colours_by(panel):
        columns_by_id[COLOURS_BY] = columns_by_id[bucket_id(0)]
    for number, wanted in enumerate(panel.metrics):
        # Lens shows the column's label as the title of a metric.
        columns_by_id |= metric(number, replace(wanted, title=panel.title) if panel.chart == "metric" else wanted)
    return columns_by_id
