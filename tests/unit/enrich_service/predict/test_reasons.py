"""Reasons: the features whose harmless value would have changed the verdict."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from contract.artifact.site_profile import read_profile
from contract.occlusion import LEAST_FALL, MOST_ROWS, log_odds
from enrich_service.model.artifact import Artifact, load
from enrich_service.predict.enrich import Enricher
from enrich_service.predict.reasons import LEAST_FALL_OF_NOVELTY, Explainer, heaviest, log_odds_of_novelty
from tests.artifacts import HEALTHY, STRANGE, TURBINE, write_model
from tests.artifacts import HOT as HOT_DOCUMENT
from tests.enriching import enriched
from tests.profiles import write_profile

HOT, WORN, BOTH = [125.0, 1.5], [60.0, 22.5], [110.0, 6.0]


def reasons(
    artifact: Artifact, rows: list[list[float]], *, unknown: bool = False, mode: str = "steady"
) -> list[list[str]]:
    numeric, words = np.array(rows, np.float32), np.full((len(rows), 1), mode, np.object_)
    closest = artifact.run(numeric, words)["probabilities"].argmax(axis=1)
    return Explainer(artifact).reasons(numeric, words, closest, np.full(len(rows), unknown))


def test_the_feature_that_causes_the_verdict_is_named_with_its_value(turbine: Artifact) -> None:
    """The text shows the value, and the usual values."""
    assert reasons(turbine, [HOT, WORN]) == [
        ["temperature_c is 125 (usually 60)"],
        ["vibration_mm_s is 22.5 (usually 1.5)"],
    ]


def test_a_reason_compares_with_the_site_if_there_is_a_profile(turbine: Artifact, tmp_path: Path) -> None:
    """The features stay the same, because the model is the same; what is usual is measured at the site."""
    at_site = replace(turbine, profile=read_profile(write_profile(tmp_path / "site.json")))
    assert reasons(at_site, [HOT, WORN]) == [
        ["temperature_c is 125; 95 % of harmless rows of this site have at most 120"],
        ["vibration_mm_s is 22.5; 95 % of harmless rows of this site have at most 3"],
    ]
    assert reasons(at_site, [[110.0, 6.0]]) == [
        ["temperature_c is 110; half of harmless rows of this site have at most 110"]
    ]


def test_a_feature_that_lowers_the_verdict_is_no_reason(turbine: Artifact) -> None:
    """High vibration makes wear more likely, and so overheating less likely."""
    assert reasons(turbine, [BOTH]) == [["temperature_c is 110 (usually 60)"]]


def test_an_unknown_is_explained_by_its_novelty(turbine: Artifact) -> None:
    """Its closest label is harmless; the reasons explain the novelty, the heaviest feature first."""
    assert reasons(turbine, [[0.0, 5.0]], unknown=True) == [
        ["temperature_c is 0 (usually 60)", "vibration_mm_s is 5 (usually 1.5)"]
    ]
    assert reasons(turbine, [[40.0, 8.0]], unknown=True) == [
        ["vibration_mm_s is 8 (usually 1.5)", "temperature_c is 40 (usually 60)"]
    ]


def test_a_word_is_a_reason_too(tmp_path: Path) -> None:
    """The mode is `off` and the harmless one is `starting`, which makes health less likely."""
    features = tuple(
        replace(feature, background="starting") if feature.kind == "string" else feature for feature in TURBINE.features
    )
    artifact = load(write_model(tmp_path / "model.onnx", replace(TURBINE, features=features)))
    assert reasons(artifact, [[60.0, 1.5]], mode="steady") == [["mode is steady (usually starting)"]]


def test_a_feature_without_a_harmless_value_is_left_as_it_is(tmp_path: Path) -> None:
    """There is no value to replace it with."""
    features = tuple(replace(feature, background=None) for feature in TURBINE.features)
    artifact = load(write_model(tmp_path / "model.onnx", replace(TURBINE, features=features)))
    assert reasons(artifact, [HOT]) == [[]]


def test_a_harmless_row_has_no_reasons(turbine: Artifact) -> None:
    """Every feature has its usual value, so none weighs anything."""
    assert reasons(turbine, [[60.0, 1.5]]) == [[]]


def test_many_rows_in_chunks_give_the_same_as_single_rows(turbine: Artifact) -> None:
    """Chunks limit the memory and change no result."""
    rows = [[60.0 + i / 100, 1.5 + (i % 7)] for i in range(5 * MOST_ROWS)]
    together = reasons(turbine, rows)
    for i in (0, 1, MOST_ROWS - 1, MOST_ROWS, MOST_ROWS + 1, 5 * MOST_ROWS - 1):
        assert together[i] == reasons(turbine, [rows[i]])[0]


def test_no_flagged_row_needs_no_run(turbine: Artifact) -> None:
    """A page of harmless traffic costs nothing here."""
    none = Explainer(turbine).reasons(
        np.zeros((0, 2), np.float32), np.zeros((0, 1), np.object_), np.zeros(0, np.intp), np.zeros(0, np.bool_)
    )
    assert none == []


class Counting:
    """A real session that counts the rows of each run."""

    def __init__(self, session: Any) -> None:
        self.session, self.n_rows = session, 0

    def run(self, outputs: list[str], inputs: dict[str, Any]) -> Any:
        self.n_rows += len(inputs["numeric"])
        return self.session.run(outputs, inputs)


def test_harmless_rows_cost_nothing_and_equal_rows_are_explained_once(turbine: Artifact) -> None:
    """A flood is one row a thousand times: one run for the row and one for its odd value, of one output."""
    counting = {name: Counting(session) for name, session in turbine.parts.items()}
    enricher = Enricher(replace(turbine, parts=counting))
    enriched(enricher, *[HEALTHY] * 100)
    assert [session.n_rows for session in counting.values()] == [0, 0]
    enriched(enricher, *[HOT_DOCUMENT] * 1000)
    assert {name: session.n_rows for name, session in counting.items()} == {"probabilities": 2, "novelty": 0}
    enriched(enricher, STRANGE)  # three odd values, and the output is the novelty
    assert {name: session.n_rows for name, session in counting.items()} == {"probabilities": 2, "novelty": 4}


def with_usual_reasons(artifact: Artifact, name: str, fall: float) -> Artifact:
    labels = tuple(replace(label, usual_reasons=(name,), usual_fall=fall) for label in artifact.contract.labels)
    return replace(artifact, contract=replace(artifact.contract, labels=labels))


@pytest.mark.parametrize(("fall", "n_rows"), [(1.0, 2), (50.0, 3)])
def test_other_features_are_tried_only_where_the_usual_reasons_weigh_little(
    turbine: Artifact, fall: float, n_rows: int
) -> None:
    """The row itself and one copy; the copy with the usual vibration is added if the heat lowers the label
    too little.
    """
    counting = {name: Counting(session) for name, session in turbine.parts.items()}
    artifact = with_usual_reasons(replace(turbine, parts=counting), "temperature_c", fall)
    numeric, words = np.array([BOTH], np.float32), np.array([["steady"]], object)
    found = Explainer(artifact).reasons(numeric, words, np.array([2]), np.array([False]))
    assert found == [["temperature_c is 110 (usually 60)"]]
    assert counting["probabilities"].n_rows == n_rows


def test_a_label_whose_usual_reasons_are_all_harmless_is_explained_by_the_others(turbine: Artifact) -> None:
    """The mode is the usual one; the heat causes the verdict."""
    assert reasons(with_usual_reasons(turbine, "mode", 0.1), [HOT]) == [["temperature_c is 125 (usually 60)"]]


def test_an_unknown_is_explained_by_all_features(turbine: Artifact) -> None:
    """Only labels have usual reasons; a novelty has none."""
    artifact = with_usual_reasons(turbine, "mode", 0.1)
    assert reasons(artifact, [[40.0, 8.0]], unknown=True) == reasons(turbine, [[40.0, 8.0]], unknown=True)


def test_log_odds_distinguish_certain_from_more_certain() -> None:
    """In float32 p rounds to 1, but the other labels still differ."""
    rows = np.array([[1.0, 1e-9, 1e-9], [1.0, 1e-20, 0.0], [1.0, 0.0, 0.0]], np.float32)
    odds = log_odds(rows, np.zeros(3, np.intp))
    assert odds[0] < odds[1] < odds[2]
    assert np.isfinite(odds).all()


def test_the_heaviest_three_of_each_row_are_kept_with_ties_in_feature_order() -> None:
    """A fall below the minimum is no reason, and neither is one that the model could not compute (NaN)."""
    rows, columns = np.array([0, 0, 0, 0, 2, 2, 2, 3]), np.array([0, 1, 2, 3, 0, 1, 2, 0])
    falls = np.array([1.0, 4.0, 1.0, 2.0, 0.001, np.nan, 0.5, 0.05])
    of_label, of_novelty = (
        heaviest(rows, columns, falls, least=least) for least in (LEAST_FALL, LEAST_FALL_OF_NOVELTY)
    )
    assert pairs(of_label) == [(0, 1), (0, 3), (0, 0), (2, 2)]
    assert pairs(of_novelty) == [(0, 1), (0, 3), (0, 0), (2, 2), (3, 0)]


def test_rows_without_a_difference_have_no_reasons() -> None:
    none = np.zeros(0, np.intp)
    assert pairs(heaviest(none, none, np.zeros(0), least=LEAST_FALL)) == []


def pairs(found: tuple[Any, Any]) -> list[tuple[int, int]]:
    """Row and column of each."""
    return list(zip(*(places.tolist() for places in found), strict=True))


def test_novelty_weighs_the_same_near_0_and_near_1() -> None:
    """From 0.9 to 0.99 is as far as from 0.01 to 0.1, and a saturated 1 is finite."""
    odds = log_odds_of_novelty(np.array([0.01, 0.1, 0.9, 0.99, 0.0, 1.0], np.float32))
    assert odds[1] - odds[0] == pytest.approx(odds[3] - odds[2], rel=1e-5)
    assert np.isfinite(odds).all()


def test_reasons_can_be_left_out(turbine: Artifact) -> None:
    """The verdict is the same, without reasons."""
    (found,) = enriched(Enricher(turbine), HOT_DOCUMENT)
    (bare,) = enriched(Enricher(turbine, reasons=False), HOT_DOCUMENT)
    assert found["fields"]["oversight"]["prediction"].pop("reasons")
    assert found == bare
