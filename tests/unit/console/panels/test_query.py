"""From a panel to its search."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from console.panels.query import EDGES, MOST_LISTED, body
from contract.documents.fields import FIELDS
from kibana.panels.declarations import Dashboard, Metric, Panel, Terms, Times
from tests.unit.console.panel_samples import SCOPE, all_panels

KNOWN = {"terms", "date_histogram", "filters", "filter", "range", "percentiles", "cardinality", "avg", "max"}
"""Aggregations of Elasticsearch, OpenSearch and, except percentiles, the embedded engine."""


def aggregations(aggs: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for each in aggs.values():
        kind = next(key for key in each if key != "aggs")
        yield kind, each[kind]
        yield from aggregations(each.get("aggs", {}))


@pytest.mark.parametrize(("page", "panel"), all_panels(), ids=lambda each: each.id)
def test_panels_load_at_most_a_few_newest_documents(page: Dashboard, panel: Panel) -> None:
    """Over a million events it costs as much as an aggregation."""
    found = body(panel, SCOPE)
    if panel.search is None:
        assert found["size"] == 0
        assert not panel.by or {kind for kind, _ in aggregations(found["aggs"])} <= KNOWN
    else:
        assert found["size"] == MOST_LISTED
        assert set(found["_source"]) >= {column.field for column in panel.search.columns}
    end = {} if panel.source.heartbeats else {"lt": SCOPE.time.end_ms}
    assert {"range": {panel.time_field: {"gte": SCOPE.time.start_ms, "format": "epoch_millis"} | end}} in (
        found["query"]["bool"]["filter"]
    )


@pytest.mark.parametrize(("page", "panel"), all_panels(), ids=lambda each: each.id)
def test_an_engine_without_percentiles_gets_a_search_without_them(page: Dashboard, panel: Panel) -> None:
    """They are estimated from ranges there."""
    kinds = {kind for kind, _ in aggregations(body(panel, SCOPE, percentiles=False).get("aggs", {}))}
    assert "percentiles" not in kinds


def test_over_time_the_series_come_first() -> None:
    """Every bucket has the same series: the commonest of the whole range, not of each moment."""
    panel = Panel(
        id="p",
        title="P",
        question="?",
        chart="time_bar",
        by=(Times(), Terms(field="user.id", title="User", others=True)),
    )
    aggs = body(panel, SCOPE)["aggs"]
    assert "terms" in aggs["by0"]
    assert aggs["by0"]["aggs"]["by1"]["date_histogram"]["field"] == "@timestamp"
    assert aggs["all"]["date_histogram"]["fixed_interval"] == f"{SCOPE.time.interval_ms}ms"


def test_buckets_are_sorted_by_the_number_that_is_shown() -> None:
    """Not by their number of documents, if the panel shows another number."""
    terms = Terms(field="user.id", title="User")
    by_risk = Panel(
        id="p",
        title="P",
        question="?",
        chart="bar",
        by=(terms,),
        metrics=(Metric(kind="average", field="event.risk_score"),),
    )
    assert body(by_risk, SCOPE)["aggs"]["by0"]["terms"]["order"] == {"m0": "desc"}
    by_count = Panel(id="p", title="P", question="?", chart="bar", by=(terms,))
    assert "order" not in body(by_count, SCOPE)["aggs"]["by0"]["terms"]


def test_the_edges_of_the_ranges_increase() -> None:
    """So each value is in one of them."""
    assert list(EDGES) == sorted(set(EDGES))


def test_the_fields_of_event_searches_are_mapped() -> None:
    """The page of events and the header read fields of our own mapping."""
    known = {field.name for field in FIELDS}
    for page, panel in all_panels():
        if page.id == "events":
            assert set(panel.fields()) <= known
