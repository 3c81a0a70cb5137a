"""Rows as a table of cells: for table panels, and for the text version of every chart.

Row(("neptune",), (190, 0.4)) ──▶ ["neptune", "190", "40.0 %"]       hit ──▶ ["2026-01-31T08:00:00Z", "alpha", ...]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from console.events.safe_text import label, moment, plain, visible
from console.panels.rows import Row, is_full
from contract.documents.fields import FIELDS
from contract.documents.paths import lookup_clear
from kibana.panels.declarations import Breakdown, Cases, Column, Metric, Panel, SavedSearch, Terms, Times
from kibana.panels.model_view import DESTINATION, SOURCE

MOST_ROWS = 500
"""Most rows of the table beside a chart. More would be too long for a screen reader."""
LONGEST_CELL = 400
"""Most characters of a value in a list of documents. The page of the event shows all of it."""
PERCENT_FIELDS = frozenset({"oversight.prediction.probability", "oversight.prediction.novelty"})
"""Numbers from 0 to 1 that are shown as percent."""
RISK_FIELD = "event.risk_score"
TIME_FIELDS = frozenset(field.name for field in FIELDS if field.kind == "date")
ADDRESS_FIELDS = frozenset({SOURCE, DESTINATION})
"""Addresses, which are kept on one line."""


def table_of(panel: Panel, rows: Sequence[Row]) -> dict[str, Any]:
    """Return columns and cells of a panel that does not list documents."""
    columns = [{"title": each.title, "kind": _kind(each)} for each in panel.by]
    columns += [{"title": metric.title, "kind": "number"} for metric in panel.metrics]
    expected = expectations(panel)
    if expected:
        columns.append({"title": "Share in training", "kind": "number"})
    full = [row for row in rows if panel.chart == "table" or is_full(panel.metrics, row)]
    cells = []
    for row in full[:MOST_ROWS]:
        values = [number(value, metric) for value, metric in zip(row.values, panel.metrics, strict=True)]
        keys = [key if isinstance(each, Times) else label(key) for each, key in zip(panel.by, row.keys, strict=True)]
        wanted = expected.get(str(row.keys[-1])) if expected and row.keys else None
        share = [number(wanted, panel.metrics[-1]) if wanted is not None else ""] if expected else []
        cells.append([*keys, *values, *share])
    return {"columns": columns, "rows": cells, "left_out": max(0, len(full) - MOST_ROWS)}


def _kind(breakdown: Breakdown) -> str:
    if isinstance(breakdown, Times):
        return "time"
    return "address" if isinstance(breakdown, Terms) and breakdown.field in ADDRESS_FIELDS else "text"


def expectations(panel: Panel) -> Mapping[str, float]:
    """Return the expected share of each case of a panel; empty if the panel names none."""
    cases = [case for each in panel.by if isinstance(each, Cases) for case in each.cases]
    return {case.title: case.expected for case in cases if case.expected is not None}


def number(value: float | None, metric: Metric) -> str:
    """Format a number; a dash if there is none."""
    if value is None:
        return "–"
    if metric.format == "percent":
        return f"{value * 100:,.{max(metric.decimals, 0)}f} %"
    if metric.format == "seconds":
        return duration(value)
    return f"{value:,.{metric.decimals}f}"


def duration(seconds: float) -> str:
    """Format a duration in a suitable unit."""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:,.1f} {unit}"
    return f"{seconds * 1000:,.0f} ms" if seconds < 1 else f"{seconds:,.1f} s"


def documents_of(search: SavedSearch, answer: Mapping[str, Any], time_field: str) -> dict[str, Any]:
    """Return columns, cells and ids of the listed documents."""
    hits = (answer.get("hits") or {}).get("hits") or []
    total = ((answer.get("hits") or {}).get("total") or {}).get("value", len(hits))
    shown = [column for column in search.columns if not column.optional or _has_values(column, hits)]
    columns: list[dict[str, Any]] = [{"title": search.source.time_title, "kind": "time"}]
    columns += [
        {
            "title": column.title,
            "kind": "time" if column.field in TIME_FIELDS else "text",
            "width": column.width,
            "field": column.field,
        }
        for column in shown
    ]
    rows = [_document(shown, hit, time_field) for hit in hits]
    return {
        "columns": columns,
        "rows": rows,
        "left_out": max(0, total - len(hits)),
        "opens": not search.source.heartbeats,
        "by_time": search.order[0] == time_field,
    }


def _has_values(column: Column, hits: Sequence[Mapping[str, Any]]) -> bool:
    return any(lookup_clear(hit.get("_source") or {}, column.field) is not None for hit in hits)


def _document(columns: Sequence[Column], hit: Mapping[str, Any], time_field: str) -> dict[str, Any]:
    source = hit.get("_source") or {}
    cells = [
        moment(lookup_clear(source, time_field)) or "",
        *(cell(lookup_clear(source, column.field), column.field) for column in columns),
    ]
    return {"index": hit["_index"], "id": hit["_id"], "cells": cells}


def cell(value: Any, field: str = "") -> str:
    """Return a value of a document as one line; several values are joined."""
    if value is None:
        return ""
    if isinstance(value, list):
        text = "; ".join(cell(each, field) for each in value[:20])
    elif field in PERCENT_FIELDS and isinstance(value, int | float) and not isinstance(value, bool):
        text = f"{value * 100:.1f} %"
    elif field == RISK_FIELD and isinstance(value, int | float) and not isinstance(value, bool):
        text = f"{value:.1f}"
    elif isinstance(value, str):
        text = visible(value[: LONGEST_CELL + 1])
    else:
        text = plain(value)
    return text if len(text) <= LONGEST_CELL else f"{text[:LONGEST_CELL]}…"


def summary(panel: Panel, rows: Sequence[Row]) -> str:
    """Describe a chart in one sentence, for people who cannot see it."""
    full = [row for row in rows if is_full(panel.metrics, row)]
    if not full:
        return f"{panel.question} Nothing in this time range."
    if panel.by and isinstance(panel.by[0], Times):
        kinds = {row.keys[1:] for row in full}
        total = sum(row.values[0] or 0 for row in full)
        counted = f", {total:,.0f} in total" if panel.metrics[0].kind == "count" else ""
        series = f" in {len(kinds)} series" if len(kinds) > 1 else ""
        return f"{panel.question} {len({row.keys[0] for row in full})} points in time{series}{counted}."
    first = sorted(full, key=lambda row: -(row.values[0] or 0))[:3]
    listed = "; ".join(
        f"{', '.join(label(key) for key in row.keys)} {number(row.values[0], panel.metrics[0])}" for row in first
    )
    return f"{panel.question} {len(full)} in total, most: {listed}."
