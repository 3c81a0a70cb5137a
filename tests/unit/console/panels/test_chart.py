"""From a panel and its rows to a chart."""

from __future__ import annotations

import json

import pytest

from console.panels.chart import chart, colours_of, draws
from console.panels.query import body
from console.panels.rows import OTHERS, Row, rows_of
from kibana.panels.declarations import Panel, Terms, Times
from tests.unit.console.panel_samples import SCOPE, all_panels, answer, made_up, shown

CHARTS = [(page, panel) for page, panel in all_panels() if draws(panel)]
HURTFUL = "</script><script>alert(1)</script>"


@pytest.mark.parametrize(("page", "panel"), CHARTS, ids=lambda each: each.id)
def test_every_chart_has_marks_scales_and_rows(page: object, panel: Panel) -> None:
    """Its scales name only fields of its rows."""
    rows = rows_of(panel, answer(made_up(body(panel, SCOPE)["aggs"]), total=7), SCOPE)
    spec, data = chart(panel, rows, SCOPE, shown().boards.colours)
    assert data
    layers = spec.get("layer", [spec])
    known = {key for row in data for key in row}
    for layer in layers:
        assert layer["mark"]["type"] in ("bar", "line", "arc", "rect")
        named = [part["field"] for part in layer["encoding"].values() if isinstance(part, dict) and "field" in part]
        named += [part["field"] for part in layer["encoding"]["tooltip"]]
        assert set(named) <= known
    json.dumps([spec, data], allow_nan=False)


@pytest.mark.parametrize(("page", "panel"), CHARTS, ids=lambda each: each.id)
def test_no_text_of_a_document_becomes_an_expression(page: object, panel: Panel) -> None:
    """A document's value is data in rows, in the domain of a scale and in the order of an axis; expressions are our
    own.
    """
    aggs = json.loads(json.dumps(made_up(body(panel, SCOPE)["aggs"])).replace('"one"', json.dumps(HURTFUL)))
    spec, _ = chart(panel, rows_of(panel, answer(aggs), SCOPE), SCOPE, shown().boards.colours)

    def expressions(part: object) -> list[str]:
        if isinstance(part, dict):
            own = [
                str(value)
                for key, value in part.items()
                if key in ("expr", "labelExpr", "calculate", "filter", "test", "signal")
            ]
            return own + [one for value in part.values() for one in expressions(value)]
        return [one for value in part for one in expressions(value)] if isinstance(part, list) else []

    assert all("script" not in one for one in expressions(spec))


def test_a_label_has_the_same_colour_in_every_chart() -> None:
    """The panel defines the colours; an unknown value gets a muted one, the rest is grey."""
    by = Terms(field="oversight.prediction.label", title="Label", colours="label")
    found = colours_of(by, ["neptune", "new-label", OTHERS], shown().boards.colours, None)
    assert found["neptune"] == shown().boards.colours["label"]["neptune"]
    assert found["new-label"] not in shown().boards.colours["label"].values()
    assert len(set(found.values())) == 3


def test_a_long_value_keeps_its_whole_filter_value() -> None:
    """It is shown short, and a click filters by the whole value."""
    panel = Panel(id="p", title="P", question="?", chart="bar", by=(Terms(field="user.id", title="User"),))
    _, data = chart(panel, [Row(("x" * 400,), (1,)), Row(("alpha",), (1,))], SCOPE, {})
    assert data[0]["raw0"] == "x" * 400
    assert "raw0" not in data[1]


def test_an_axis_of_time_spans_the_whole_range() -> None:
    """Times without events are visible."""
    panel = Panel(id="p", title="P", question="?", chart="time_bar", by=(Times(),))
    spec, _ = chart(panel, [Row((SCOPE.time.buckets()[5],), (3,))], SCOPE, {})
    first, last = (int(end["expr"]) for end in spec["encoding"]["x"]["scale"]["domain"])
    assert first <= SCOPE.time.start_ms
    assert last >= SCOPE.time.end_ms
