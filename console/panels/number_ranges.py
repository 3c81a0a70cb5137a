"""The ranges of a histogram, picked from the smallest and the largest value on the page.

Numbers ──▶ search for smallest and largest ──▶ edges at round numbers ──▶ Cases, one for each range
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from itertools import pairwise

from console.panels.indices import Indices
from console.panels.scope import Scope
from console.panels.searches import Engine, Search, SearchResponse
from kibana.panels.conditions import Between, Exists
from kibana.panels.declarations import Breakdown, Case, Cases, Numbers, Panel

RANGES = 20
"""About this many columns a histogram has."""
STEPS = (1.0, 2.0, 5.0, 10.0)


def with_ranges(engine: Engine, panels: Sequence[Panel], scope: Scope, indices: Indices) -> list[Panel]:
    """Return the panels with ranges in place of `Numbers`. Without such a panel, no request is sent.

    Raises:
        EngineUnavailableError: Elasticsearch does not respond.
    """
    wanted = [panel for panel in panels if any(isinstance(each, Numbers) for each in panel.by)]
    if not wanted:
        return list(panels)
    answers = engine.msearch([_extent_search(panel, scope, indices) for panel in wanted])
    found = {panel.id: _filled(panel, answer) for panel, answer in zip(wanted, answers, strict=True)}
    return [found.get(panel.id, panel) for panel in panels]


def _extent_search(panel: Panel, scope: Scope, indices: Indices) -> Search:
    fields = [each.field for each in panel.by if isinstance(each, Numbers)]
    aggs = {"low": {"min": {"field": fields[0]}}, "high": {"max": {"field": fields[0]}}}
    return indices.of(panel.source), {"size": 0, "track_total_hits": False, "query": scope.query(panel), "aggs": aggs}


def _filled(panel: Panel, answer: SearchResponse) -> Panel:
    found = answer.get("aggregations") or {}
    low, high = ((found.get(name) or {}).get("value") for name in ("low", "high"))
    return dataclasses.replace(panel, by=tuple(_ranges(each, low, high) for each in panel.by))


def _ranges(each: Breakdown, low: float | None, high: float | None) -> Breakdown:
    if not isinstance(each, Numbers):
        return each
    if low is None or high is None or not math.isfinite(low) or not math.isfinite(high):
        return Cases(title=each.title, cases=(Case("any", Exists(each.field)),))
    pairs = pairwise(edges(low, high))
    cases = tuple(Case(f"{start:.12g} to {end:.12g}", Between(each.field, start, end)) for start, end in pairs)
    return Cases(title=each.title, cases=cases)


def edges(low: float, high: float) -> list[float]:
    """Return round numbers, the first at most `low`, the last above `high`, at equal distances."""
    step = _round_step(high - low, max(abs(low), abs(high)))
    digits = max(0, -math.floor(math.log10(step)))
    first, last = math.floor(low / step), math.floor(high / step) + 1
    first -= round(first * step, digits) > low  # a quotient can be rounded up
    last += round(last * step, digits) <= high
    return [round(number * step, digits) for number in range(first, last + 1)]


def _round_step(span: float, size: float) -> float:
    """Return 1, 2 or 5 times a power of ten; about `RANGES` of them make up the span. Never lost beside `size`."""
    step = max(span / RANGES, size * 1e-6, 1e-12) if span > 0 else max(size / 10, 1e-3)
    power = 10.0 ** math.floor(math.log10(step))
    return next(factor * power for factor in STEPS if factor * power >= step * 0.999)
