"""One dashboard at one moment: every panel, the header and the values of the filters, from one _msearch.

    Dashboard, Asked ──▶ Scope ──▶ [header, facets, panel, panel ...] ──▶ _msearch ──▶ JSON of the page
                                                                             │
                            no percentiles in this engine? ──────────────────┴─▶ search these panels again, with ranges

If the page shows all time, an earlier search finds the first event.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from console.panels.chart import Colours, chart, draws
from console.panels.header import edge, edge_ms, header, header_searches
from console.panels.indices import Indices
from console.panels.number_ranges import with_ranges
from console.panels.query import body
from console.panels.rows import is_full, rows_of
from console.panels.scope import Asked, Scope, scope_of
from console.panels.searches import Engine, Search, SearchResponse, lacks_percentiles, problem_of
from console.panels.tables import documents_of, number, summary, table_of
from kibana.panels.conditions import query
from kibana.panels.declarations import EVENTS, Control, Dashboard, Panel, Terms

MOST_CHOICES = 200
"""Most values that a filter offers, the most frequent ones. Users can type any other."""


def page(
    engine: Engine, board: Dashboard, asked: Asked, *, indices: Indices, colours: Colours, now_ms: int
) -> dict[str, Any]:
    """Return everything that a page shows, as plain JSON values.

    Raises:
        EngineUnavailableError: Elasticsearch does not respond.
        InputError: the time range ends before it begins.
    """
    scope = scope_at(engine, asked, indices, now_ms=now_ms)
    searches: list[Search] = header_searches(indices)
    above = len(searches)
    panels = with_ranges(engine, board.panels, scope, indices)
    searches.append((indices.events, _choices(board, scope)))
    searches += _panel_searches(panels, scope, indices, percentiles=engine.percentiles)
    answers = engine.msearch(searches)
    panel_answers = _retried(engine, panels, answers[above + 1 :], scope, indices)
    lacking = _lacking(engine, panels, panel_answers, indices)
    return {
        "at": now_ms,
        "range": {"from": scope.time.start_ms, "to": scope.time.end_ms - 1, "interval": scope.time.interval_ms},
        "header": header(answers[:above], events=indices.events, now_ms=now_ms),
        "choices": {control.id: _values(answers[above], control.id) for control in board.controls},
        "panels": [
            panel_data(panel, answer, scope, colours, missing=lacking & set(panel.fields())) | _ways(panel, board)
            for panel, answer in zip(panels, panel_answers, strict=True)
        ],
    }


def _panel_searches(panels: Sequence[Panel], scope: Scope, indices: Indices, *, percentiles: bool) -> list[Search]:
    return [(indices.of(panel.source), body(panel, scope, percentiles=percentiles)) for panel in panels]


def _retried(
    engine: Engine, panels: Sequence[Panel], answers: Sequence[SearchResponse], scope: Scope, indices: Indices
) -> list[SearchResponse]:
    """Search again, with ranges, for the panels whose percentiles the engine refused; return all responses."""
    refused = [number for number, answer in enumerate(answers) if lacks_percentiles(answer)]
    if not refused:
        return list(answers)
    engine.percentiles = False
    again = engine.msearch(_panel_searches([panels[number] for number in refused], scope, indices, percentiles=False))
    by_number = dict(enumerate(answers)) | dict(zip(refused, again, strict=True))
    return [by_number[number] for number in range(len(answers))]


def scope_at(engine: Engine, asked: Asked, indices: Indices, *, now_ms: int) -> Scope:
    """Return the scope of a page at a moment. Raises as `page` does."""
    return scope_of(asked, now_ms=now_ms, first_ms=_first_ms(engine, indices) if asked.is_open else None)


def _first_ms(engine: Engine, indices: Indices) -> int | None:
    return edge_ms(engine.msearch([(indices.events, edge("@timestamp", "asc"))])[0])


def _choices(board: Dashboard, scope: Scope) -> dict[str, Any]:
    """Return the search for the values of the filters in this time range, whatever the user has picked."""
    source = board.panels[0].source if board.panels else EVENTS
    query = {"bool": {"filter": Scope(scope.time, {}).filters(source)}}
    lists = {control.id: _choice(control) for control in board.controls}
    return {"size": 0, "track_total_hits": False, "query": query, **({"aggs": lists} if lists else {})}


def _choice(control: Control) -> dict[str, Any]:
    if control.cases:
        return {"filters": {"filters": {case.title: query(case.where) for case in control.cases}}}
    return {"terms": {"field": control.field, "size": MOST_CHOICES}}


def _values(answer: SearchResponse, name: str) -> list[list[Any]]:
    buckets = ((answer.get("aggregations") or {}).get(name) or {}).get("buckets") or []
    if isinstance(buckets, Mapping):
        return [[title, bucket["doc_count"]] for title, bucket in buckets.items()]
    return [[str(bucket.get("key_as_string", bucket["key"])), bucket["doc_count"]] for bucket in buckets]


def _lacking(
    engine: Engine, panels: Sequence[Panel], answers: Sequence[SearchResponse], indices: Indices
) -> frozenset[str]:
    """Return fields that no mapping has and that an empty panel reads. Without an empty panel, no request is sent."""
    fields: dict[str, set[str]] = {}
    for panel, answer in zip(panels, answers, strict=True):
        if _is_empty(panel, answer) and (answer.get("_shards") or {}).get("total"):
            fields.setdefault(indices.of(panel.source), set()).update(panel.fields())
    return frozenset().union(*(engine.missing(index, names) for index, names in fields.items()))


def _is_empty(panel: Panel, answer: SearchResponse) -> bool:
    total = ((answer.get("hits") or {}).get("total") or {}).get("value", 0)
    return not total or (draws(panel) and not _has_buckets(answer))


def _has_buckets(answer: SearchResponse) -> bool:
    breakdown = (answer.get("aggregations") or {}).get("by0") or {}
    buckets = breakdown.get("buckets") or []
    return any(bucket.get("doc_count") for bucket in (buckets.values() if isinstance(buckets, Mapping) else buckets))


def panel_data(
    panel: Panel, answer: SearchResponse, scope: Scope, colours: Colours, *, missing: frozenset[str] = frozenset()
) -> dict[str, Any]:
    """Return one panel as plain JSON values."""
    problem = problem_of(answer)
    data: dict[str, Any] = {"id": panel.id, "state": "ok", "problem": problem}
    if problem is not None and "aggregations" not in answer and "hits" not in answer:
        return data | {"state": "error"}
    if panel.search is not None:
        table = documents_of(panel.search, answer, panel.time_field)
        return data | {"table": table, **_emptiness(panel, bool(table["rows"]), missing)}
    rows = rows_of(panel, answer, scope)
    if panel.chart == "metric":
        value = rows[0].values[0]
        return data | {"value": number(value, panel.metrics[0]), "nothing": value is None, **_lacks(missing)}
    full = any(is_full(panel.metrics, row) for row in rows)
    data |= {"table": table_of(panel, rows), "summary": summary(panel, rows), **_emptiness(panel, full, missing)}
    if draws(panel) and full:
        spec, flat = chart(panel, rows, scope, colours)
        data |= {"spec": spec, "rows": flat}
    return data


def _ways(panel: Panel, board: Dashboard) -> dict[str, Any]:
    """Return where a click on a value leads: the filter of each breakdown, by its position, and the page to open."""
    control_of = {control.field: control.id for control in board.controls}
    picks = {
        position: control_of[each.field]
        for position, each in enumerate(panel.by)
        if isinstance(each, Terms) and each.field in control_of
    }
    return {"picks": {str(position): control for position, control in picks.items()}, "drill_down": panel.drill_down}


def _emptiness(panel: Panel, full: bool, missing: frozenset[str]) -> dict[str, Any]:
    if full:
        return {}
    return {"state": "empty", "why": panel.may_be_empty, **_lacks(missing)}


def _lacks(missing: frozenset[str]) -> dict[str, Any]:
    return {"missing": sorted(missing)} if missing else {}
