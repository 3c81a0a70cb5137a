"""The `visualization` part of a Lens chart's state: how the chart looks, and which columns it uses.

Panel + column ids ──▶ visualization_of() ──▶ (visualizationType, visualization)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kibana.panels.declarations import Breakdown, Cases, Panel, Scheme, Terms
from kibana.saved_objects.lens_columns import bucket_id, case_label, metric_id

LAYER = "layer"
LINES = "lines"
"""The layer of constants, such as a threshold."""
LINE_COLOUR = "#D55E00"
COLOURS_BY = "c0"
"""A second column with the first breakdown: Lens colours bars only by a split."""
PALETTE = "eui_amsterdam_color_blind"
Palette = Mapping[Scheme, Mapping[str, str]]
_SHOWN = {"x": True, "yLeft": True, "yRight": True}


def visualization_of(panel: Panel, palette: Palette) -> tuple[str, dict[str, Any]]:
    """Lens's name for the chart type, and its state."""
    layer = {"layerId": LAYER, "layerType": "data"}
    metrics = [metric_id(number) for number in range(len(panel.metrics))]
    buckets = [bucket_id(number) for number in range(len(panel.by))]
    match panel.chart:
        case "metric":
            colour = {} if panel.colour is None else {"color": panel.colour}
            return "lnsMetric", layer | {"metricAccessor": metrics[0]} | _subtitle(panel) | colour
        case "donut":
            return "lnsPie", {"shape": "donut", "layers": [layer | _donut(panel, metrics[0], buckets, palette)]}
        case "table":
            columns = [{"columnId": each, "isTransposed": False} for each in (*buckets, *metrics)]
            if panel.drill_down is not None:
                columns[0]["oneClickFilter"] = True
            is_fixed = isinstance(panel.by[0], Cases) and not panel.by[0].ranked
            sorted_by = {} if is_fixed else {"sorting": {"columnId": metrics[panel.sort_by], "direction": "desc"}}
            return "lnsDatatable", layer | {"columns": columns, "paging": {"size": 30, "enabled": True}} | sorted_by
        case "heat_map":
            axes = {"xAccessor": buckets[0], "yAccessor": buckets[1], "valueAccessor": metrics[0]}
            return "lnsHeatmap", layer | axes | _HEAT_MAP
        case _:
            return "lnsXY", _xy(panel, metrics, buckets, palette)


_HEAT_MAP: dict[str, Any] = {
    "shape": "heatmap",
    "legend": {"isVisible": True, "position": "right", "type": "heatmap_legend"},
    "gridConfig": {
        "type": "heatmap_grid",
        "isCellLabelVisible": False,
        "isYAxisLabelVisible": True,
        "isXAxisLabelVisible": True,
        "isYAxisTitleVisible": False,
        "isXAxisTitleVisible": False,
    },
}


def _subtitle(panel: Panel) -> dict[str, str]:
    """What a metric counts; empty if its title already has this word."""
    counted = panel.metrics[0].title
    return {} if counted.casefold() in panel.title.casefold() else {"subtitle": counted}


def needs_colours_by(panel: Panel) -> bool:
    """Whether the bars of a single breakdown have colours of their own."""
    return (
        panel.chart == "bar"
        and len(panel.by) == 1
        and isinstance(panel.by[0], Terms)
        and panel.by[0].colours is not None
    )


def _donut(panel: Panel, metric: str, buckets: list[str], palette: Palette) -> dict[str, Any]:
    body: dict[str, Any] = {
        "primaryGroups": buckets,
        "metrics": [metric],
        "numberDisplay": "percent",
        "categoryDisplay": "default",
        "legendDisplay": "default",
        "nestedLegend": False,
    }
    return body | _colour_mapping(panel.by[0], palette)


def _xy(panel: Panel, metrics: list[str], buckets: list[str], palette: Palette) -> dict[str, Any]:
    series = _SERIES[panel.chart]
    layer: dict[str, Any] = {
        "layerId": LAYER,
        "layerType": "data",
        "seriesType": series,
        "xAccessor": buckets[0],
        "accessors": metrics,
        "position": "top",
        "showGridlines": False,
    }
    single = len(buckets) == 1
    if needs_colours_by(panel):
        layer |= {"splitAccessor": COLOURS_BY} | _colour_mapping(panel.by[0], palette)
    elif not single:
        layer |= {"splitAccessor": buckets[1]} | _colour_mapping(panel.by[1], palette)
    elif panel.colour is not None:
        layer["yConfig"] = [{"forAccessor": metrics[0], "color": panel.colour}]
    return {
        "legend": {"isVisible": not single or len(metrics) > 1, "position": "right"},
        "valueLabels": "show" if panel.chart == "bar" and single else "hide",
        "fittingFunction": "None",
        "axisTitlesVisibilitySettings": {"x": False, "yLeft": False, "yRight": False},
        "tickLabelsVisibilitySettings": _SHOWN,
        "labelsOrientation": {"x": 0, "yLeft": 0, "yRight": 0},
        "gridlinesVisibilitySettings": _SHOWN,
        "preferredSeriesType": series,
        "layers": [layer, *([_lines(panel)] if panel.lines else [])],
    }


_SERIES = {"bar": "bar_horizontal_stacked", "histogram": "bar_stacked", "time_bar": "bar_stacked", "time_line": "line"}


def line_id(number: int) -> str:
    """Id of a constant's column."""
    return f"l{number}"


def _lines(panel: Panel) -> dict[str, Any]:
    """The layer of a chart's constants."""
    ids = [line_id(number) for number in range(len(panel.lines))]
    look = {"axisMode": "left", "color": LINE_COLOUR, "lineWidth": 2, "lineStyle": "dashed", "textVisibility": True}
    return {
        "layerId": LINES,
        "layerType": "referenceLine",
        "accessors": ids,
        "yConfig": [{"forAccessor": each, **look} for each in ids],
    }


def _colour_mapping(breakdown: Breakdown, palette: Palette) -> dict[str, Any]:
    """The fixed colours of the values; empty if Kibana may choose them."""
    shown = _colours_of(breakdown, palette)
    if not shown:
        return {}
    assignments = [
        {
            "rule": {"type": "matchExactly", "values": [value]},
            "color": {"type": "colorCode", "colorCode": colour},
            "touched": True,
        }
        for value, colour in shown.items()
    ]
    return {
        "colorMapping": {
            "assignments": assignments,
            "specialAssignments": [{"rule": {"type": "other"}, "color": {"type": "loop"}, "touched": False}],
            "paletteId": PALETTE,
            "colorMode": {"type": "categorical"},
        }
    }


def _colours_of(breakdown: Breakdown, palette: Palette) -> dict[str, str]:
    if isinstance(breakdown, Terms) and breakdown.colours is not None:
        return dict(palette.get(breakdown.colours, {}))
    if isinstance(breakdown, Cases):
        return {
            case_label(case.title, case.expected): case.colour for case in breakdown.cases if case.colour is not None
        }
    return {}
