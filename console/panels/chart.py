"""From a panel and its rows to a Vega-Lite chart, in the colours that the panels name.

    Panel, rows ──▶ chart() ──▶ {"mark": ..., "encoding": ...} without data, and flat rows for it
                                                                  {"by0": "alpha", "by1": "neptune", "m0": 190}

Text of a document appears only in the rows and in the values of a colour scale. No Vega expression contains such text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from console.events.safe_text import label
from console.panels.rows import MEASURED, OTHERS, Row
from console.panels.scope import Scope
from console.panels.time_range import DAY, HOUR, MINUTE
from kibana.panels.conditions import Between
from kibana.panels.declarations import Breakdown, Cases, Metric, Panel, Scheme, Terms, Times

Colours = Mapping[Scheme, Mapping[str, str]]
Spec = dict[str, Any]

NEUTRAL = ("#4C78A8", "#9D755D", "#6B8E9B", "#B0A27A", "#7A6F9B", "#8FA68E", "#5F6B7A", "#C2A5A0")
"""Colours of values that have none of their own: muted, so that they do not look like a family of attacks."""
LINES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
CONSTANT = "#D55E00"
"""Colour of bounds and thresholds."""
OTHER = "#9AA3AD"
"""Colour of the bucket with all values beyond the most frequent ones."""
SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
FORMATS = {"number": ",~f", "percent": ".0%", "seconds": ",.3~f"}
LARGE = 20_000
"""From this number on, an axis counts in thousands."""
ROW_PIXELS, LEGEND_PIXELS = 21, 17
"""Height of a row of the grid, and of a line of a legend."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """The inputs of one chart."""

    panel: Panel
    data: Sequence[dict[str, Any]]
    scope: Scope
    colours: Colours

    def values(self, field: str) -> list[str]:
        """Return each value of a field once, in the order of the rows."""
        return list(dict.fromkeys(row[field] for row in self.data if field in row))


def chart(panel: Panel, rows: Sequence[Row], scope: Scope, colours: Colours) -> tuple[Spec, list[dict[str, Any]]]:
    """Return the chart of a panel without its data, and the data.

    Args:
        panel: a panel that is drawn: a bar, a donut, a chart over time or a heat map.
        rows: what `rows_of` returned.
        scope: the time range; an axis of time covers all of it.
        colours: colour of each value, by scheme.
    """
    draw, flat = _CHARTS[panel.chart]
    data = list(flat(panel, rows, scope))
    return {"$schema": SCHEMA, **draw(Drawing(panel, data, scope, colours))}, data


def draws(panel: Panel) -> bool:
    """Whether a panel is a chart, not a number or a table."""
    return panel.chart in _CHARTS


def _flat(panel: Panel, rows: Sequence[Row], scope: Scope) -> Iterator[dict[str, Any]]:
    """Yield one object per row. It has `raw0` beside `by0` if the shown value differs from the one in the document."""
    for row in rows:
        flat: dict[str, Any] = {}
        for position, (each, key) in enumerate(zip(panel.by, row.keys, strict=True)):
            if isinstance(each, Times):
                flat |= {"t": key, "middle": int(key) + scope.time.interval_ms // 2}
                continue
            flat[f"by{position}"] = label(key)
            if flat[f"by{position}"] != key:
                flat[f"raw{position}"] = key
        yield flat | {f"m{position}": value for position, value in enumerate(row.values)}


def _long(panel: Panel, rows: Sequence[Row], scope: Scope) -> Iterator[dict[str, Any]]:
    """Yield one object per row and metric, for one line per metric."""
    for row in rows:
        for metric, value in zip(panel.metrics, row.values, strict=True):
            name = label(row.keys[1]) if len(row.keys) > 1 else metric.title
            yield {"t": int(row.keys[0]) + scope.time.interval_ms // 2, "series": name, "m0": value}
    buckets = scope.time.buckets()
    for line in panel.lines:
        for moment in (buckets[0], buckets[-1] + buckets.step):
            yield {"t": moment, "series": label(line.title), "m0": line.value}


def _ranged(panel: Panel, rows: Sequence[Row], scope: Scope) -> Iterator[dict[str, Any]]:
    """Yield one object per row, with the ends of its range of numbers."""
    ends: dict[str, tuple[float | None, float | None]] = {}
    if isinstance(panel.by[0], Cases):
        ends = {
            case.title: (case.where.low, case.where.high)
            for case in panel.by[0].cases
            if isinstance(case.where, Between)
        }
    for row, flat in zip(rows, _flat(panel, rows, scope), strict=True):
        low, high = ends.get(str(row.keys[0]), (0.0, 0.0))
        yield flat | {"low": low, "high": high}


def _bar(drawing: Drawing) -> Spec:
    panel, names = drawing.panel, drawing.values("by0")
    stacked = len(panel.by) > 1
    totals: dict[str, float] = {}
    for row in drawing.data:
        totals[row["by0"]] = totals.get(row["by0"], 0) + (row["m0"] or 0)
    fixed = isinstance(panel.by[0], Cases) or panel.metrics[0].kind != "count"
    order = names if fixed else sorted(names, key=lambda name: -totals[name])
    encoding = {
        "y": {"field": "by0", "type": "nominal", "sort": order, "axis": {"title": None, "labelLimit": _room(panel)}},
        "x": _amount(drawing, zero=True),
        **_parts_of_bars(drawing),
    }
    return {"mark": {"type": "bar", "cornerRadiusEnd": 0 if stacked else 2}, "encoding": encoding}


def _histogram(drawing: Drawing) -> Spec:
    axis = {"title": None, "grid": False, "labelOverlap": True, "format": ",~f", "tickCount": 8}
    encoding = {
        "x": {"field": "low", "type": "quantitative", "bin": "binned", "axis": axis},
        "x2": {"field": "high"},
        "y": _amount(drawing, zero=True),
        **_parts_of_bars(drawing),
    }
    return {"mark": {"type": "bar"}, "encoding": encoding}


def _room(panel: Panel) -> int:
    """Return the pixels for the names of bars. Wide panels give more room, for long names such as reasons."""
    return panel.width * 11 if panel.width > 24 else panel.width * 8


def _parts_of_bars(drawing: Drawing) -> Spec:
    """Colour and tooltip of all bars, and the order of their parts if they are stacked."""
    stacked = len(drawing.panel.by) > 1
    encoding = {"color": _colour(drawing, 1 if stacked else 0, legend=stacked), "tooltip": _tooltip(drawing)}
    if stacked:
        encoding["order"] = {"field": "rank", "type": "quantitative"}
        _rank(drawing, "by1")
    return encoding


def _rank(drawing: Drawing, field: str) -> None:
    """Stack the parts of every bar in the same order, that of the rows."""
    ranks = {name: number for number, name in enumerate(drawing.values(field))}
    for row in drawing.data:
        row["rank"] = ranks[row[field]]


def _time_bar(drawing: Drawing) -> Spec:
    encoding = {
        "x": _time_axis("middle", drawing.scope),
        "y": _amount(drawing, zero=True),
        **_parts_of_bars(drawing),
    }
    mark = {"type": "bar", "orient": "vertical", "width": {"expr": _column(drawing.scope)}}
    return {"mark": mark, "encoding": encoding}


def _column(scope: Scope) -> str:
    """Return the width of a bucket in pixels, with a gap of one pixel."""
    return f"max(1, width / {len(scope.time.buckets())} - 1)"


def _time_line(drawing: Drawing) -> Spec:
    metric, names = drawing.panel.metrics[0], drawing.values("series")
    constants = [label(line.title) for line in drawing.panel.lines]
    free = [colour for colour in LINES if colour != CONSTANT or not constants]
    shown = {name: free[number % len(free)] for number, name in enumerate(names)} | dict.fromkeys(constants, CONSTANT)
    if len(drawing.panel.by) > 1:
        shown = colours_of(drawing.panel.by[1], names, drawing.colours, None)
    series = {"field": "series", "type": "nominal", "title": None}
    encoding = {
        "x": _time_axis("t", drawing.scope),
        "y": _amount(drawing, zero=metric.format == "percent" or metric.kind not in MEASURED),
        "color": {**series, "scale": _scale(shown), "legend": {"orient": "top"}},
        "strokeDash": {**series, "sort": names, "legend": None},
        "tooltip": [
            {"field": "t", "type": "temporal", "title": "Time", "format": _clock(drawing.scope)},
            {"field": "series", "type": "nominal", "title": "Line"},
            _shown(metric, "m0", "Value"),
        ],
    }
    return {"mark": {"type": "line", "point": {"size": 24, "filled": True}, "strokeWidth": 2}, "encoding": encoding}


def _donut(drawing: Drawing) -> Spec:
    """Draw one ring per breakdown. All rings follow the order of the rows, so their borders match."""
    for number, row in enumerate(drawing.data):
        row["rank"] = number
    rings = len(drawing.panel.by)
    layers = [_ring(drawing, position, rings) for position in range(rings)]
    return {"layer": layers, "resolve": {"scale": {"color": "independent"}}}


def _ring(drawing: Drawing, position: int, rings: int) -> Spec:
    """Return one ring. Its radii are fractions of the chart's size."""
    edges = (0.5, 0.98) if rings == 1 else (0.36, 0.66, 0.98)
    radius = "min(width, height) / 2"
    mark = {
        "type": "arc",
        "padAngle": 0.004,
        "innerRadius": {"expr": f"{radius} * {edges[position] + (0.01 if position else 0)}"},
        "outerRadius": {"expr": f"{radius} * {edges[position + 1]}"},
    }
    encoding = {
        "theta": {"field": "m0", "type": "quantitative", "stack": True},
        "order": {"field": "rank", "type": "quantitative"},
        "color": _colour(drawing, position, legend=_wants_legend(drawing.panel, position)),
        "tooltip": _tooltip(drawing, depth=position + 1),
    }
    return {"mark": mark, "transform": _sums(position, rings), "encoding": encoding}


def _sums(position: int, rings: int) -> list[Spec]:
    """Make an inner ring show the sums of the ring outside it."""
    if position == rings - 1:
        return []
    sums = [{"op": "sum", "field": "m0", "as": "m0"}, {"op": "min", "field": "rank", "as": "rank"}]
    return [{"aggregate": sums, "groupby": [f"by{number}" for number in range(position + 1)]}]


def _wants_legend(panel: Panel, position: int) -> bool:
    """Whether a ring has a legend: the inner one, and the outer one if its colours are not shades of the inner's."""
    by = panel.by[position]
    return position == 0 or not (isinstance(by, Terms) and by.colours == "label")


def _heat_map(drawing: Drawing) -> Spec:
    axis = {"title": None, "labelLimit": 140}
    over_time = isinstance(drawing.panel.by[0], Times)
    names = {"field": "by0", "type": "nominal", "axis": {**axis, "labelAngle": -40}}
    legend = {"gradientLength": 90, "format": FORMATS[drawing.panel.metrics[0].format]}
    scale = {"scheme": "blues"}
    encoding: Spec = {
        "x": _time_axis("middle", drawing.scope) if over_time else names,
        "y": {"field": "by1", "type": "nominal", "axis": axis},
        "color": {"field": "m0", "type": "quantitative", "title": None, "scale": scale, "legend": legend},
        "tooltip": _tooltip(drawing),
    }
    size = {"width": {"expr": _column(drawing.scope)}} if over_time else {}
    return {"mark": {"type": "rect", **size}, "encoding": encoding}


def _amount(drawing: Drawing, *, zero: bool) -> Spec:
    """Return the axis of numbers. It shows large ones in thousands and millions."""
    metric = drawing.panel.metrics[0]
    large = max((abs(row["m0"] or 0) for row in drawing.data), default=0) >= LARGE
    axis: Spec = {
        "title": None,
        "format": "~s" if large else FORMATS[metric.format],
        "tickCount": 5,
        "labelOverlap": True,
    }
    if metric.format == "seconds":
        axis["title"] = "seconds"
    if metric.kind == "count":
        axis |= {"tickMinStep": 1, "labelExpr": "datum.value ? datum.label : '0'"}
    return {"field": "m0", "type": "quantitative", "axis": axis, "scale": {"zero": zero, "nice": True}}


def _time_axis(name: str, scope: Scope) -> Spec:
    buckets = scope.time.buckets()
    # use expressions: Vega's interpreter reads `datetime(milliseconds)`, which plain numbers become, as a year
    domain = [{"expr": str(end)} for end in (buckets[0], buckets[-1] + buckets.step)]
    axis = {"title": None, "grid": False, "labelOverlap": True, "tickCount": 8, "format": axis_format(scope)}
    return {"field": name, "type": "temporal", "scale": {"domain": domain}, "axis": axis}


def axis_format(scope: Scope) -> str:
    """Choose a time format that is as exact as the distance between ticks."""
    span_ms = scope.time.end_ms - scope.time.start_ms
    for longest_ms, text in (
        (10 * MINUTE, "%H:%M:%S"),
        (36 * HOUR, "%H:%M"),
        (9 * DAY, "%a %d, %H:%M"),
        (730 * DAY, "%d %b"),
    ):
        if span_ms <= longest_ms:
            return text
    return "%b %Y"


def _colour(drawing: Drawing, position: int, *, legend: bool) -> Spec:
    by: Breakdown = drawing.panel.by[position]
    if isinstance(by, Times) or (not legend and isinstance(by, Terms) and by.colours is None):
        return {"value": drawing.panel.colour or NEUTRAL[0]}
    field = f"by{position}"
    shown = colours_of(by, drawing.values(field), drawing.colours, drawing.panel.colour)
    room = max(4, (drawing.panel.height * ROW_PIXELS - 80) // LEGEND_PIXELS)
    columns = min(3 if drawing.panel.width > 24 else 2, -(-len(shown) // room)) if drawing.panel.width >= 24 else 1
    look = {"symbolLimit": room * columns, "labelLimit": 110, "columns": columns} if legend else None
    return {"field": field, "type": "nominal", "title": None, "scale": _scale(shown), "legend": look}


def colours_of(by: Breakdown, names: Sequence[str], colours: Colours, fallback: str | None) -> dict[str, str]:
    """Return a colour for each value: the panels' own, or a muted one for an unknown value."""
    known: Mapping[str, str] = {}
    if isinstance(by, Terms) and by.colours is not None:
        known = colours.get(by.colours, {})
    elif isinstance(by, Cases):
        known = {case.title: case.colour for case in by.cases if case.colour is not None}
        if fallback is not None and not known:
            known = {case.title: fallback for case in by.cases}
    unknown = [name for name in names if name not in known and name != OTHERS]
    spare = {name: NEUTRAL[number % len(NEUTRAL)] for number, name in enumerate(unknown)}
    return {name: known.get(name) or spare.get(name, OTHER) for name in names}


def _scale(shown: Mapping[str, str]) -> dict[str, Any]:
    return {"domain": list(shown), "range": list(shown.values())}


def _clock(scope: Scope) -> str:
    """Choose a time format that is as exact as the buckets are wide."""
    return "%d %b %H:%M:%S" if scope.time.interval_ms < 60_000 else "%d %b %H:%M"


def _tooltip(drawing: Drawing, *, depth: int | None = None) -> list[Spec]:
    channels: list[Spec] = []
    for position, each in enumerate(drawing.panel.by[:depth]):
        if isinstance(each, Times):
            channels.append({"field": "t", "type": "temporal", "title": each.title, "format": _clock(drawing.scope)})
        else:
            channels.append({"field": f"by{position}", "type": "nominal", "title": each.title})
    metrics = drawing.panel.metrics[:1] if depth is not None else drawing.panel.metrics
    return channels + [_shown(metric, f"m{position}", metric.title) for position, metric in enumerate(metrics)]


def _shown(metric: Metric, field: str, title: str) -> dict[str, Any]:
    exact = {"number": f",.{metric.decimals}f", "percent": f".{max(1, metric.decimals)}%", "seconds": ",.3~f"}
    return {"field": field, "type": "quantitative", "title": title, "format": exact[metric.format]}


_Draw = Callable[[Drawing], Spec]
_Flat = Callable[[Panel, Sequence[Row], Scope], Iterator[dict[str, Any]]]
_CHARTS: dict[str, tuple[_Draw, _Flat]] = {
    "bar": (_bar, _flat),
    "histogram": (_histogram, _ranged),
    "time_bar": (_time_bar, _flat),
    "time_line": (_time_line, _long),
    "donut": (_donut, _flat),
    "heat_map": (_heat_map, _flat),
}
