"""From a response to rows."""

from __future__ import annotations

import pytest

from console.panels.query import body
from console.panels.rows import OTHERS, Row, rows_of
from console.panels.tables import summary, table_of
from kibana.panels.conditions import Is
from kibana.panels.declarations import Breakdown, Case, Cases, Chart, Metric, Panel, Terms, Times
from tests.unit.console.panel_samples import SCOPE, all_panels, answer, made_up

USERS = Terms(field="user.id", title="User", others=True)
DRAWN = [(page, panel) for page, panel in all_panels() if panel.search is None]


def panel(chart: Chart, *by: Breakdown, metrics: tuple[Metric, ...] = (Metric(),)) -> Panel:
    return Panel(id="p", title="P", question="How many?", chart=chart, by=by, metrics=metrics)


@pytest.mark.parametrize(("page", "one"), DRAWN, ids=lambda each: each.id)
@pytest.mark.parametrize("percentiles", [True, False], ids=["percentiles", "ranges"])
def test_every_panel_makes_rows_from_its_response(page: object, one: Panel, percentiles: bool) -> None:
    """A key for each breakdown, a number for each metric."""
    aggs = body(one, SCOPE, percentiles=percentiles).get("aggs", {})
    rows = rows_of(one, answer(made_up(aggs), total=7), SCOPE)
    assert rows
    assert all(len(row.keys) == len(one.by) and len(row.values) == len(one.metrics) for row in rows)
    assert any(any(row.values) for row in rows)
    assert table_of(one, rows)["rows"]
    assert one.question in summary(one, rows)


@pytest.mark.parametrize(("page", "one"), DRAWN, ids=lambda each: each.id)
def test_every_panel_accepts_an_empty_response(page: object, one: Panel) -> None:
    """A missing index has no aggregations at all."""
    rows = rows_of(one, answer(), SCOPE)
    assert not any(any(row.values) for row in rows)
    assert summary(one, rows).endswith("Nothing in this time range.")


def test_the_rest_beside_the_commonest_values_is_one_more_bucket() -> None:
    """If the panel declares it."""
    found = {"by0": {"buckets": [{"key": "alpha", "doc_count": 9}], "sum_other_doc_count": 4}}
    assert rows_of(panel("bar", USERS), answer(found), SCOPE) == [Row(("alpha",), (9,)), Row((OTHERS,), (4,))]


def test_over_time_the_rest_is_the_total_without_the_series() -> None:
    """At each moment, all events minus those shown."""
    moment = SCOPE.time.buckets()[3]
    found = {
        "by0": {"buckets": [{"key": "alpha", "doc_count": 2, "by1": {"buckets": [{"key": moment, "doc_count": 2}]}}]},
        "all": {"buckets": [{"key": moment, "doc_count": 5}, {"key": moment + 1, "doc_count": 0}]},
    }
    rows = rows_of(panel("time_bar", Times(), USERS), answer(found), SCOPE)
    assert rows == [Row((moment, "alpha"), (2,)), Row((moment, OTHERS), (3,))]


def test_a_line_has_a_gap_without_events() -> None:
    """A count is zero there, an average has no value."""
    moment = SCOPE.time.buckets()[3]
    found = {"by0": {"buckets": [{"key": moment, "doc_count": 2, "m0": {"value": 0.5}}]}}
    average = rows_of(panel("time_line", Times(), metrics=(Metric(kind="average", field="x"),)), answer(found), SCOPE)
    assert [row.values[0] for row in average if row.keys == (moment,)] == [0.5]
    assert {row.values[0] for row in average if row.keys != (moment,)} == {None}
    count = rows_of(panel("time_line", Times()), answer(found), SCOPE)
    assert sum(row.values[0] or 0 for row in count) == 2
    assert len(count) == len(SCOPE.time.buckets())


def test_a_ratio_to_zero_has_no_value() -> None:
    """Any other ratio is between 0 and 1."""
    ratio = (Metric(kind="ratio", part=Is("a", 1), whole=Is("b", 1)),)
    assert rows_of(panel("metric", metrics=ratio), answer({"m0": {"doc_count": 0}, "m0of": {"doc_count": 0}}), SCOPE)[
        0
    ].values == (None,)
    assert rows_of(panel("metric", metrics=ratio), answer({"m0": {"doc_count": 1}, "m0of": {"doc_count": 4}}), SCOPE)[
        0
    ].values == (0.25,)


def test_shares_are_of_the_whole_panel() -> None:
    """Their sum is one; empty cases are shown too."""
    cases = Cases(
        title="C", cases=(Case("a", Is("x", "a"), expected=0.5), Case("b", Is("x", "b")), Case("c", Is("x", "c")))
    )
    found = {"by0": {"buckets": {"0": {"doc_count": 3}, "1": {"doc_count": 1}}}}
    one = panel("table", cases, metrics=(Metric(), Metric(kind="share", format="percent")))
    rows = rows_of(one, answer(found), SCOPE)
    assert [row.values for row in rows] == [(3, 0.75), (1, 0.25), (0, 0.0)]
    table = table_of(one, rows)
    assert [column["title"] for column in table["columns"]] == ["C", "Events", "Events", "Share in training"]
    assert [cells[-1] for cells in table["rows"]] == ["50 %", "", ""]


@pytest.mark.parametrize(
    ("counts", "percent", "low", "high"),
    [
        ({3: 10}, 50.0, 0.02, 0.03),
        ({3: 1, 20: 99}, 50.0, 5.0, 20.0),
        ({0: 4}, 95.0, 0.0, 0.01),
        ({}, 50.0, None, None),
    ],
)
def test_a_percentile_is_read_from_ranges(
    counts: dict[int, int], percent: float, low: float | None, high: float | None
) -> None:
    """It is in the range in which that share of the documents is reached."""
    one = panel("metric", metrics=(Metric(kind="percentile", field="x", percent=percent),))
    aggs = body(one, SCOPE, percentiles=False)["aggs"]["m0"]["range"]["ranges"]
    buckets = [{"doc_count": counts.get(number, 0)} for number in range(len(aggs))]
    value = rows_of(one, answer({"m0": {"buckets": buckets}}), SCOPE)[0].values[0]
    assert (value is None) == (low is None)
    if value is not None and low is not None and high is not None:
        assert low <= value <= high


def test_a_table_is_sorted_by_the_metric_that_its_question_asks_for() -> None:
    """Which labels raise false alarms? The one with the highest rate, not the one with the most verdicts."""
    wrong = Is("oversight.feedback.verdict", "false_positive")
    metrics = (Metric(title="Verdicts"), Metric(kind="ratio", title="Rate", part=wrong))
    by = Terms(field="oversight.prediction.label", title="Label")
    one = Panel(id="p", title="P", question="Which?", chart="table", by=(by,), metrics=metrics, sort_by=1)
    buckets = [
        {"key": "smurf", "doc_count": 100, "m1": {"doc_count": 2}},
        {"key": "nmap", "doc_count": 4, "m1": {"doc_count": 3}},
        {"key": "back", "doc_count": 9, "m1": {"doc_count": 0}},
    ]
    rows = rows_of(one, answer({"by0": {"buckets": buckets}}), SCOPE)
    assert [row.keys[0] for row in rows] == ["nmap", "smurf", "back"]
    (cry_wolf,) = (found for _, found in all_panels() if found.id == "false-positive-rate")
    assert cry_wolf.metrics[cry_wolf.sort_by].kind == "ratio"


def test_alerts_without_a_technique_are_counted() -> None:
    """They were left out without a word, so the table's sum was not that of the alerts."""
    (techniques,) = (found for _, found in all_panels() if found.id == "attack-techniques")
    found = body(techniques, SCOPE)["aggs"]
    assert found["by0"]["terms"]["missing"] == "(label without a technique)"
    assert (
        found["by0"]["aggs"]["by1"]["terms"]["missing"]
        == found["by0"]["aggs"]["by1"]["aggs"]["by2"]["terms"]["missing"]
    )
