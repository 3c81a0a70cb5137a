"""One dashboard at one moment: every panel, the header and the lists of the filters, all from one _msearch.

    Dashboard, Asked ──▶ Scope ──▶ [header, facets, panel, panel ...] ──▶ _msearch ──▶ JSON of the page
                                                                             │
                                 the engine knows no percentiles? ───────────┴─▶ these panels once more, by ranges

Where the page asks for all time, when the first event happened is asked before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from console.panels.chart import Colours, chart, draws
from console.panels.header import edge, edge_ms, header, header_searches
from console.panels.indices import Place
from console.panels.query import body
from console.panels.rows import rows_of
from console.panels.scope import Asked, Scope, scope_of
from console.panels.searches import Answer, Engine, Search, lacks_percentiles, problem_of
from console.panels.tables import documents_of, number, summary, table_of
from kibana.panels.declarations import Dashboard, Panel, Terms

MOST_CHOICES = 200
"""Values that a filter offers, the commonest; any other can be typed."""


def page(
    engine: Engine, board: Dashboard, asked: Asked, *, place: Place, colours: Colours, now_ms: int
) -> dict[str, Any]:
    """All that a page shows, as plain JSON values.

    Raises:
        EngineUnavailableError: Elasticsearch does not answer.
        InputError: the range ends before it begins.
    """
    scope = scope_of(asked, now_ms=now_ms, first_ms=_first_ms(engine, place) if asked.is_open else None)
    searches: list[Search] = header_searches(place)
    above = len(searches)
    searches.append((place.events, _choices(board, scope)))
    searches += _panel_searches(board.panels, scope, place, percentiles=engine.percentiles)
    answers = engine.msearch(searches)
    found = _retried(engine, board.panels, answers[above + 1 :], scope, place)
    lacking = _lacking(engine, board.panels, found, place)
    return {
        "at": now_ms,
        "range": {"from": scope.time.start_ms, "to": scope.time.end_ms - 1, "interval": scope.time.interval_ms},
        "header": header(answers[:above], now_ms=now_ms),
        "choices": {control.id: _values(answers[above], control.id) for control in board.controls},
        "panels": [
            panel_data(panel, answer, scope, colours, missing=lacking & set(panel.fields())) | _ways(panel, board)
            for panel, answer in zip(board.panels, found, strict=True)
        ],
    }


def _panel_searches(panels: Sequence[Panel], scope: Scope, place: Place, *, percentiles: bool) -> list[Search]:
    return [(place.of(panel.source), body(panel, scope, percentiles=percentiles)) for panel in panels]


def _retried(
    engine: Engine, panels: Sequence[Panel], answers: Sequence[Answer], scope: Scope, place: Place
) -> list[Answer]:
    """The same answers, where an engine without percentiles refused some of them, with those read from ranges."""
    refused = [number for number, answer in enumerate(answers) if lacks_percentiles(answer)]
    if not refused:
        return list(answers)
    engine.percentiles = False
    again = engine.msearch(_panel_searches([panels[number] for number in refused], scope, place, percentiles=False))
    found = dict(enumerate(answers)) | dict(zip(refused, again, strict=True))
    return [found[number] for number in range(len(answers))]


def _first_ms(engine: Engine, place: Place) -> int | None:
    return edge_ms(engine.msearch([(place.events, edge("@timestamp", "asc"))])[0])


def _choices(board: Dashboard, scope: Scope) -> dict[str, Any]:
    """Values to pick from: those of the time range, whatever is picked already."""
    source = board.panels[0].source
    query = {"bool": {"filter": Scope(scope.time, {}).filters(source)}}
    lists = {one.id: {"terms": {"field": one.field, "size": MOST_CHOICES}} for one in board.controls}
    return {"size": 0, "track_total_hits": False, "query": query, **({"aggs": lists} if lists else {})}


def _values(answer: Answer, name: str) -> list[list[Any]]:
    buckets = ((answer.get("aggregations") or {}).get(name) or {}).get("buckets") or []
    return [[str(bucket.get("key_as_string", bucket["key"])), bucket["doc_count"]] for bucket in buckets]


def _lacking(engine: Engine, panels: Sequence[Panel], answers: Sequence[Answer], place: Place) -> frozenset[str]:
    """Fields that the panels without anything to show read and no mapping has; asked only where there is such a
    panel.
    """
    fields: dict[str, set[str]] = {}
    for panel, answer in zip(panels, answers, strict=True):
        if _is_empty(panel, answer) and (answer.get("_shards") or {}).get("total"):
            fields.setdefault(place.of(panel.source), set()).update(panel.fields())
    return frozenset().union(*(engine.missing(index, names) for index, names in fields.items()))


def _is_empty(panel: Panel, answer: Answer) -> bool:
    total = ((answer.get("hits") or {}).get("total") or {}).get("value", 0)
    return not total or (draws(panel) and not _has_buckets(answer))


def _has_buckets(answer: Answer) -> bool:
    found = (answer.get("aggregations") or {}).get("by0") or {}
    buckets = found.get("buckets") or []
    return any(bucket.get("doc_count") for bucket in (buckets.values() if isinstance(buckets, Mapping) else buckets))


def panel_data(
    panel: Panel, answer: Answer, scope: Scope, colours: Colours, *, missing: frozenset[str] = frozenset()
) -> dict[str, Any]:
    """One panel as plain JSON values."""
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
    full = any(any(row.values) for row in rows)
    data |= {"table": table_of(panel, rows), "summary": summary(panel, rows), **_emptiness(panel, full, missing)}
    if draws(panel) and full:
        spec, flat = chart(panel, rows, scope, colours)
        data |= {"spec": spec, "rows": flat}
    return data


def _ways(panel: Panel, board: Dashboard) -> dict[str, Any]:
    """Where a click on a value leads: by place of the breakdown the filter that it sets, and the page that it is set
    on.
    """
    control_of = {control.field: control.id for control in board.controls}
    picks = {
        place: control_of[each.field]
        for place, each in enumerate(panel.by)
        if isinstance(each, Terms) and each.field in control_of
    }
    return {"picks": {str(place): control for place, control in picks.items()}, "drill_down": panel.drill_down}


def _emptiness(panel: Panel, full: bool, missing: frozenset[str]) -> dict[str, Any]:
    if full:
        return {}
    return {"state": "empty", "why": panel.may_be_empty, **_lacks(missing)}


def _lacks(missing: frozenset[str]) -> dict[str, Any]:
    return {"missing": sorted(missing)} if missing else {}
