"""The declared dashboards: every field exists, every panel asks a question, and the names are the promised ones."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from contract.artifact.contract import Label, ModelContract
from contract.documents.fields import FIELDS
from kibana.panels.boards import boards, known_fields
from kibana.panels.conditions import Is, fields, query
from kibana.panels.declarations import Boards, Case, Cases, Control, Dashboard, Metric, Panel, Terms
from kibana.saved_objects.compile import saved_objects
from kibana.saved_objects.layout import COLUMNS, places
from kibana.saved_objects.objects import Names, ndjson
from tests.artifacts import TURBINE
from tests.kibana_check import faults, unknown_fields
from tests.kibana_contracts import shipped_contract
from tests.task_documents import TASKS

SHIPPED = shipped_contract()
CONTRACTS = {"shipped": SHIPPED, "turbine": TURBINE, **TASKS}
FIRST_SIX = (
    "Threats Bar",
    "Threats Pie",
    "Threats Timestamps",
    "Threats Detection Timeline",
    "Threats Per User",
    "Threats Pie Per User",
)
SHAPE = {
    "metric": ((0, 0), (1, 1)),
    "bar": ((1, 2), (1, 1)),
    "histogram": ((1, 2), (1, 1)),
    "time_bar": ((1, 2), (1, 1)),
    "time_line": ((1, 2), (1, 3)),
    "donut": ((1, 2), (1, 1)),
    "table": ((1, 4), (1, 4)),
    "heat_map": ((2, 2), (1, 1)),
    "documents": ((0, 0), (0, 0)),
}
"""For each chart: minimum and maximum number of breakdowns, and of metrics."""


@pytest.fixture(params=CONTRACTS, ids=str)
def contract(request: pytest.FixtureRequest) -> ModelContract:
    """The contracts of the shipped model, of another one, and of one for each task."""
    return CONTRACTS[request.param]


def panels(contract: ModelContract) -> list[tuple[Dashboard, Panel]]:
    return [(board, panel) for board in boards(contract).dashboards for panel in board.panels]


def cases_of(panel: Panel) -> tuple[Case, ...]:
    (breakdown,) = panel.by
    assert isinstance(breakdown, Cases)
    return breakdown.cases


def test_every_field_of_a_panel_is_in_a_mapping(contract: ModelContract) -> None:
    assert list(unknown_fields(contract, boards(contract))) == []


@pytest.mark.parametrize(
    "changed",
    [
        {"by": (Terms(field="user.nmae", title="User"),)},
        {"where": Is("user.nmae", "alice")},
        {"metrics": (Metric(kind="average", field="user.nmae"),)},
        {"metrics": (Metric(kind="ratio", part=Is("user.nmae", 1)),)},
    ],
)
def test_a_panel_with_a_field_that_no_mapping_has_is_named(changed: dict[str, Any]) -> None:
    """With a misspelt field the panel stays empty, and nobody would notice."""
    found = boards(SHIPPED)
    board = found.dashboards[0]
    panel = dataclasses.replace(board.panels[4], **changed)
    wrong = dataclasses.replace(board, panels=(*board.panels[:4], panel))
    (sentence,) = unknown_fields(SHIPPED, dataclasses.replace(found, dashboards=(wrong,)))
    assert "'threats-bar'" in sentence
    assert "'user.nmae'" in sentence


def test_panels_count_and_measure_only_what_an_engine_can(contract: ModelContract) -> None:
    """A field that is not indexed cannot be split into buckets, and words have no average."""
    for _, panel in panels(contract):
        kinds = known_fields(contract, panel.source)
        unindexed = {field.name for field in FIELDS if not field.indexed or field.kind == "object"}
        grouped = [each.field for each in panel.by if isinstance(each, Terms)]
        assert not unindexed & {*grouped, *fields(panel.where)}, panel.id
        assert {kinds[name] for name in grouped} <= {"keyword", "ip", "long", "boolean"}, panel.id
        for metric in panel.metrics:
            if metric.kind in ("average", "min", "max", "percentile"):
                assert metric.field is not None, panel.id
                assert kinds[metric.field] in ("float", "long"), panel.id
            assert (metric.field is None) == (metric.kind in ("count", "ratio", "share")), panel.id
            assert (metric.percent is not None) == (metric.kind == "percentile"), panel.id


def test_a_model_of_many_labels_shows_as_many_as_a_chart_can_hold() -> None:
    labels = (*TURBINE.labels, *(Label(f"fault_{number}", "wear", 47) for number in range(200)))
    many = dataclasses.replace(TURBINE, labels=labels)
    sizes = {each.size for _, panel in panels(many) for each in panel.by if isinstance(each, Terms)}
    assert max(sizes) == 50
    assert faults(ndjson(saved_objects(many, Names()))) == []


def test_a_control_with_a_field_that_no_mapping_has_is_named() -> None:
    board = dataclasses.replace(boards(SHIPPED).dashboards[0], controls=(Control(id="c", field="nobody", title="C"),))
    assert "'nobody'" in next(unknown_fields(SHIPPED, Boards(dashboards=(board,), queries=())))


@pytest.mark.parametrize("contract", [SHIPPED, TURBINE], ids=lambda contract: contract.name)
def test_the_first_six_panels_are_there_by_name(contract: ModelContract) -> None:
    found = boards(contract)
    assert [board.title for board in found.dashboards] == ["Oversight Dashboard", "Triage", "Operations"]
    titles = [panel.title for panel in found.dashboards[0].panels if panel.title.startswith("Threats ")]
    assert titles[:6] == list(FIRST_SIX)
    assert "Threats details per User" in [search.title for search in found.searches]
    assert [control.title for control in found.dashboards[0].controls] == ["User", "Family", "Label"]
    assert [one.time_from for one in found.queries] == ["now-7d", "now-7d"]


def test_every_panel_has_a_question_and_the_shape_of_its_chart(contract: ModelContract) -> None:
    for board, panel in panels(contract):
        (least, most), (fewest, many) = SHAPE[panel.chart]
        assert least <= len(panel.by) <= most, panel.id
        assert fewest <= len(panel.metrics) <= many, panel.id
        assert (panel.search is not None) == (panel.chart == "documents"), panel.id
        assert panel.search is None or panel.search.source is panel.source, panel.id
        assert panel.question.rstrip(".").endswith(("?", "event")), panel.id
        assert panel.drill_down in (None, *(other.id for other in boards(contract).dashboards)), panel.id
        assert 0 <= panel.sort_by < max(1, len(panel.metrics)), panel.id
        assert board.intro.startswith("**What you see:**")


def test_ids_are_unique_and_readable(contract: ModelContract) -> None:
    ids = [panel.id for _, panel in panels(contract)]
    assert len(ids) == len(set(ids))
    assert all(name.replace("-", "").isalnum() and name == name.lower() for name in ids)


def test_panels_stand_on_the_grid_and_never_on_each_other(contract: ModelContract) -> None:
    for board in boards(contract).dashboards:
        taken: set[tuple[int, int]] = set()
        for _, place in places(board.panels):
            cells = {
                (x, y) for x in range(place.x, place.x + place.width) for y in range(place.y, place.y + place.height)
            }
            assert place.x + place.width <= COLUMNS
            assert not taken & cells
            taken |= cells


def test_a_model_without_novelty_or_attack_has_no_panels_for_them() -> None:
    """A panel that is always empty is worse than no panel."""
    labels = tuple(dataclasses.replace(label, technique=None) for label in TURBINE.labels)
    plain = dataclasses.replace(TURBINE, novelty_threshold=None, labels=labels)
    gone = {panel.id for _, panel in panels(TURBINE)} - {panel.id for _, panel in panels(plain)}
    assert gone == {"unknowns", "unknowns-over-time", "unknowns-by-user", "attack-techniques", "novelty"}
    assert "unknown" not in boards(plain).dashboards[0].intro


def test_another_model_brings_its_own_labels() -> None:
    found = boards(TURBINE)
    assert set(found.colours["label"]) == {"bearing_wear", "healthy", "overheating", "unknown"}
    threats = next(panel for panel in found.dashboards[0].panels if panel.id == "threats")
    assert query(threats.where)["bool"]["filter"][1] == {
        "bool": {"must_not": [{"term": {"oversight.prediction.label": "healthy"}}]}
    }


def test_the_share_that_training_had_stands_beside_each_label() -> None:
    """The shipped model's come from the digest of its data set, another model's from its contract."""
    table = next(panel for _, panel in panels(SHIPPED) if panel.id == "predictions-by-label")
    assert "against the training rows" in table.title
    cases = {case.title: case.expected for case in cases_of(table)}
    assert cases["normal"] == pytest.approx(97278 / 494021)
    assert cases["unknown"] == 0.0
    told = dataclasses.replace(TURBINE, training={"label_rows": {"healthy": 3, "overheating": 1}})
    table = next(panel for _, panel in panels(told) if panel.id == "predictions-by-label")
    assert [case.expected for case in cases_of(table)] == [0.75, 0.25, 0.0, 0.0]
    untold = next(panel for _, panel in panels(TURBINE) if panel.id == "predictions-by-label")
    assert "training" not in untold.title
