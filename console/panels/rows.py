"""From the response of a search to rows, for a chart and for its table.

{"by0": {"buckets": [{"key": "alpha", "by1": {...}}]}} ──▶ Row(("alpha", "neptune"), (190,)), ...
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from console.panels.query import ALL, EDGES, has_others_over_time, levels
from console.panels.scope import Scope
from kibana.panels.declarations import Breakdown, Cases, Metric, Panel, Terms, Times

MEASURED = ("average", "min", "max", "percentile")
"""Metrics of a bucket that have no value without events, and for which 0 is a value like any other."""
OTHERS = "others"
"""Name of the bucket with all values beyond the most frequent ones."""

Key = str | int
Bucket = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """One bucket: its keys, in the order of the panel's breakdowns, and its values."""

    keys: tuple[Key, ...]
    """One per breakdown. For `Times`, the start of the bucket in milliseconds."""
    values: tuple[float | None, ...]
    """One per metric; None: no value."""


def rows_of(panel: Panel, answer: Bucket, scope: Scope) -> list[Row]:
    """Return the rows of a panel, one per innermost bucket; one row without keys if it has no breakdowns."""
    aggregations = answer.get("aggregations") or {}
    by = levels(panel)
    if not by:
        total = (answer.get("hits") or {}).get("total") or {}
        return [Row((), _values(panel.metrics, {**aggregations, "doc_count": total.get("value", 0)}))]
    rows = list(_walk(by, panel.metrics, aggregations, ()))
    if has_others_over_time(panel):
        rows += _others_over_time(panel, rows, aggregations)
    rows = _shares(panel.metrics, rows)
    if isinstance(panel.by[0], Times):
        rows = [Row((row.keys[-1], *row.keys[:-1]), row.values) for row in rows]
        return _all_times(rows, panel.metrics, scope) if panel.chart == "time_line" else rows
    if panel.sort_by:
        rows.sort(key=lambda row: -(row.values[panel.sort_by] or 0.0))  # rows with equal values keep their order
    return rows


def _walk(by: Sequence[Breakdown], metrics: Sequence[Metric], holder: Bucket, above: tuple[Key, ...]) -> Iterator[Row]:
    each, rest = by[0], by[1:]
    breakdown = holder.get(f"by{len(above)}") or {}
    for key, bucket in _ordered(each, metrics, breakdown):
        if rest:
            yield from _walk(rest, metrics, bucket, (*above, key))
        else:
            yield Row((*above, key), _values(metrics, bucket))
    beyond = breakdown.get("sum_other_doc_count", 0)
    if isinstance(each, Terms) and each.others and beyond and not isinstance(rest[:1], Times):
        places = tuple(OTHERS for _ in range(1 + len(rest)))
        yield Row((*above, *places), _values(metrics, {"doc_count": beyond}))


def _ordered(each: Breakdown, metrics: Sequence[Metric], breakdown: Bucket) -> list[tuple[Key, Bucket]]:
    if isinstance(each, Cases):
        named: Mapping[str, Bucket] = breakdown.get("buckets") or {}
        cases: list[tuple[Key, Bucket]] = [
            (case.title, named.get(str(number), {"doc_count": 0})) for number, case in enumerate(each.cases)
        ]
        if not each.ranked:
            return cases
        return sorted((case for case in cases if case[1]["doc_count"]), key=lambda case: -case[1]["doc_count"])
    buckets: Sequence[Bucket] = breakdown.get("buckets") or []
    if isinstance(each, Times):
        return [(int(bucket["key"]), bucket) for bucket in buckets]
    keyed: list[tuple[Key, Bucket]] = [(str(bucket.get("key_as_string", bucket["key"])), bucket) for bucket in buckets]
    if (isinstance(each, Terms) and each.by_name) or not metrics:
        return sorted(keyed, key=lambda pair: pair[0])
    return sorted(keyed, key=lambda pair: (-(_value("m0", metrics[0], pair[1]) or 0.0), pair[0]))


def is_full(metrics: Sequence[Metric], row: Row) -> bool:
    """Whether a row shows anything: a count above 0, or a measured number, which may be 0."""
    return any(
        value is not None if metric.kind in MEASURED else value
        for metric, value in zip(metrics, row.values, strict=True)
    )


def _values(metrics: Sequence[Metric], bucket: Bucket) -> tuple[float | None, ...]:
    return tuple(_value(f"m{number}", metric, bucket) for number, metric in enumerate(metrics))


def _value(name: str, metric: Metric, bucket: Bucket) -> float | None:
    aggregation = bucket.get(name) or {}
    count = float(bucket.get("doc_count", 0))
    match metric.kind:
        case "count":
            return count if metric.part is None else float(aggregation.get("doc_count", 0))
        case "share":
            return count
        case "ratio":
            whole = count if metric.whole is None else float((bucket.get(f"{name}of") or {}).get("doc_count", 0))
            part = count if metric.part is None else float(aggregation.get("doc_count", 0))
            return part / whole if whole else None
        case "percentile":
            return _percentile(aggregation, metric.percent or 0.0)
        case _:
            return _number(aggregation.get("value"))


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _percentile(aggregation: Bucket, percent: float) -> float | None:
    """Return the percentile, or an estimate from the ranges."""
    if "values" in aggregation:
        return next((_number(value) for value in aggregation["values"].values()), None)
    counts = [bucket["doc_count"] for bucket in aggregation.get("buckets") or []]
    wanted, seen = sum(counts) * percent / 100, 0.0
    for number, count in enumerate(counts):
        if count and seen + count >= wanted:
            low = 0.0 if number == 0 else EDGES[number - 1]
            high = EDGES[min(number, len(EDGES) - 1)]
            return float(low + (high - low) * max(0.0, wanted - seen) / count)
        seen += count
    return None


def _shares(metrics: Sequence[Metric], rows: list[Row]) -> list[Row]:
    """Divide the counts of `share` metrics by the total of the panel."""
    for position, metric in enumerate(metrics):
        if metric.kind == "share":
            whole = sum(row.values[position] or 0 for row in rows)
            rows = [
                Row(
                    row.keys,
                    (
                        *row.values[:position],
                        (row.values[position] or 0) / whole if whole else None,
                        *row.values[position + 1 :],
                    ),
                )
                for row in rows
            ]
    return rows


def _others_over_time(panel: Panel, rows: Sequence[Row], aggregations: Bucket) -> Iterator[Row]:
    """Yield the events of each moment that belong to none of the shown series."""
    shown: dict[Key, float] = {}
    for row in rows:
        shown[row.keys[-1]] = shown.get(row.keys[-1], 0) + (row.values[0] or 0)
    depth = len(panel.by) - 1
    for bucket in (aggregations.get(ALL) or {}).get("buckets") or []:
        others = bucket["doc_count"] - shown.get(int(bucket["key"]), 0)
        if others > 0:
            yield Row(
                (*(OTHERS for _ in range(depth)), int(bucket["key"])), (others, *(None for _ in panel.metrics[1:]))
            )


def _all_times(rows: Sequence[Row], metrics: Sequence[Metric], scope: Scope) -> list[Row]:
    """Return a row for every time bucket. In a bucket without events a count is 0, and other lines have a gap."""
    nothing = tuple(0.0 if metric.kind == "count" else None for metric in metrics)
    by_keys = {row.keys: row for row in rows}
    series = dict.fromkeys(row.keys[1:] for row in rows)
    return [
        by_keys.get((moment, *keys)) or Row((moment, *keys), nothing)
        for keys in series
        for moment in scope.time.buckets()
    ]
