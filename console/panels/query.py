"""From a panel to its search: counts and aggregations. Only lists of the newest documents read documents.

    Panel ──▶ metrics, breakdowns ──▶ nested aggregations: by0 > by1 > m0, m1 ...   (a chart over time: series > time)
                                                                 │
                                                                 └─▶ rows.py reads the response by the same names

It uses only aggregations that Elasticsearch, OpenSearch and the embedded engine compute alike. The embedded engine has
no percentiles, so there they are estimated from ranges.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from console.panels.scope import Scope
from contract.documents.fields import STATUS
from kibana.panels.conditions import query
from kibana.panels.declarations import Breakdown, Cases, Metric, Numbers, Panel, SavedSearch, Terms, Times

ALL = "all"
"""Time buckets over all series together, if a chart shows the values beyond the most frequent ones."""
MOST_LISTED = 50
"""Rows of a table of documents."""
EDGES = tuple(round(step * 10.0**power, 4) for power in range(-2, 7) for step in (1, 1.5, 2, 3, 5, 7))
"""Edges of the ranges for estimated percentiles, from 0.01 to millions. An estimate is off by a third at most."""


def levels(panel: Panel) -> tuple[Breakdown, ...]:
    """Return the breakdowns as they nest, outermost first. Series come before time, to be the same over time."""
    if panel.by and isinstance(panel.by[0], Times):
        return (*panel.by[1:], panel.by[0])
    return panel.by


def body(panel: Panel, scope: Scope, *, percentiles: bool = True) -> dict[str, Any]:
    """Return the search of a panel.

    Args:
        panel: the panel.
        scope: time range and filters of the page.
        percentiles: whether the engine has this aggregation.
    """
    if panel.search is not None:
        return listed(panel.search, scope.query(panel))
    compiler = _Compiler(panel, scope, percentiles)
    aggs = compiler.nested(levels(panel))
    if has_others_over_time(panel):
        aggs[ALL] = compiler.bucket(panel.by[0]) | {"aggs": compiler.metrics()}
    search = {"size": 0, "track_total_hits": True, "query": scope.query(panel), "aggs": aggs}
    return {name: part for name, part in search.items() if part != {}}


def has_others_over_time(panel: Panel) -> bool:
    """Whether a chart over time shows the values beyond its most frequent series, which needs a second histogram."""
    over_time = bool(panel.by) and isinstance(panel.by[0], Times)
    return over_time and any(isinstance(breakdown, Terms) and breakdown.others for breakdown in panel.by)


def listed(search: SavedSearch, condition: dict[str, Any]) -> dict[str, Any]:
    """Return the search for the first documents of a saved search, with only its columns."""
    time_field, (field, direction) = search.source.time_field, search.order
    order = [{field: {"order": direction, "unmapped_type": "date" if field == time_field else "float"}}]
    wanted = [time_field, STATUS, *(column.field for column in search.columns)]
    return {"size": MOST_LISTED, "track_total_hits": True, "query": condition, "sort": order, "_source": wanted}


@dataclass(frozen=True, slots=True)
class _Compiler:
    panel: Panel
    scope: Scope
    percentiles: bool

    def nested(self, by: Sequence[Breakdown], depth: int = 0) -> dict[str, Any]:
        """Nest the breakdowns. Outer buckets have the metrics too, because they are sorted by them."""
        if not by:
            return self.metrics()
        inner = self.nested(by[1:], depth + 1)
        if len(by) > 1:
            inner |= self.metrics()
        return {f"by{depth}": self.bucket(by[0]) | ({"aggs": inner} if inner else {})}

    def bucket(self, each: Breakdown) -> dict[str, Any]:
        if isinstance(each, Times):
            width = f"{self.scope.time.interval_ms}ms"
            return {"date_histogram": {"field": self.panel.time_field, "fixed_interval": width, "min_doc_count": 1}}
        if isinstance(each, Cases):
            return {"filters": {"filters": {str(number): query(case.where) for number, case in enumerate(each.cases)}}}
        if isinstance(each, Numbers):
            raise TypeError(f"{self.panel.id}: with_ranges() must replace the numbers of {each.field} first")
        terms: dict[str, Any] = {"field": each.field, "size": each.size}
        if each.missing is not None:
            terms["missing"] = each.missing
        if each.by_name:
            terms["order"] = {"_key": "asc"}
        elif self.panel.metrics and self.panel.metrics[0].kind in ("unique_count", "average", "min", "max"):
            terms["order"] = {"m0": "desc"}
        return {"terms": terms}

    def metrics(self) -> dict[str, Any]:
        aggregations: dict[str, Any] = {}
        for number, metric in enumerate(self.panel.metrics):
            aggregations |= self.metric(f"m{number}", metric)
        return aggregations

    def metric(self, name: str, metric: Metric) -> dict[str, Any]:
        """Return the aggregations of one metric; none if the count of the bucket is enough."""
        match metric.kind:
            case "unique_count":
                return {name: {"cardinality": {"field": metric.field}}}
            case "average" | "min" | "max":
                return {name: {"avg" if metric.kind == "average" else metric.kind: {"field": metric.field}}}
            case "percentile" if self.percentiles:
                return {name: {"percentiles": {"field": metric.field, "percents": [metric.percent]}}}
            case "percentile":
                return {name: {"range": {"field": metric.field, "ranges": _ranges()}}}
            case _:
                parts = {name: metric.part, f"{name}of": metric.whole}
                return {key: {"filter": query(part)} for key, part in parts.items() if part is not None}


def _ranges() -> list[dict[str, float]]:
    inner = [{"from": low, "to": high} for low, high in pairwise(EDGES)]
    return [{"to": EDGES[0]}, *inner, {"from": EDGES[-1]}]
