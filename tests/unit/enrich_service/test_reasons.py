"""Reasons: the features whose harmless value would have changed the verdict."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from contract.artifact import Feature
from enrich_service.artifact import Artifact, load
from enrich_service.reasons import CHUNK_ROWS, Explainer, log_odds, sentence
from tests.artifacts import TURBINE, write_model

HOT, WORN, BOTH = [125.0, 1.5], [60.0, 22.5], [110.0, 6.0]


def reasons(
    artifact: Artifact, rows: list[list[float]], *, unknown: bool = False, mode: str = "steady"
) -> list[list[str]]:
    numeric, words = np.array(rows, np.float32), np.full((len(rows), 1), mode, np.object_)
    closest = artifact.run(numeric, words)[0].argmax(axis=1)
    return Explainer(artifact).reasons(numeric, words, closest, np.full(len(rows), unknown))


def test_the_feature_that_makes_the_verdict_is_named_with_its_value(turbine: Artifact) -> None:
    """What a person reads: the value, and what is usual."""
    assert reasons(turbine, [HOT, WORN]) == [["temperature_c 125 (usually 60)"], ["vibration_mm_s 22.5 (usually 1.5)"]]


def test_a_feature_that_speaks_against_the_verdict_is_no_reason(turbine: Artifact) -> None:
    """High vibration makes wear likelier, and so heat less likely."""
    assert reasons(turbine, [BOTH]) == [["temperature_c 110 (usually 60)"]]


def test_an_unknown_is_explained_by_what_makes_it_new(turbine: Artifact) -> None:
    """Its label is harmless; what needs words is the novelty, the heaviest feature first."""
    assert reasons(turbine, [[0.0, 5.0]], unknown=True) == [["temperature_c 0 (usually 60)"]]
    assert reasons(turbine, [[40.0, 8.0]], unknown=True) == [
        ["vibration_mm_s 8 (usually 1.5)", "temperature_c 40 (usually 60)"]
    ]


def test_a_word_is_a_reason_too(tmp_path: Path) -> None:
    """The mode `off` with a harmless `starting`, which speaks less for health."""
    features = tuple(
        replace(feature, background="starting") if feature.kind == "string" else feature for feature in TURBINE.features
    )
    artifact = load(write_model(tmp_path / "model.onnx", replace(TURBINE, features=features)))
    assert reasons(artifact, [[60.0, 1.5]], mode="steady") == [["mode steady (usually starting)"]]


def test_a_feature_without_a_harmless_value_is_left_as_it_is(tmp_path: Path) -> None:
    """Nothing is known to put in its place."""
    features = tuple(replace(feature, background=None) for feature in TURBINE.features)
    artifact = load(write_model(tmp_path / "model.onnx", replace(TURBINE, features=features)))
    assert reasons(artifact, [HOT]) == [[]]


def test_a_harmless_row_has_no_reasons(turbine: Artifact) -> None:
    """Every feature is as usual, so none of them weighs anything."""
    assert reasons(turbine, [[60.0, 1.5]]) == [[]]


def test_many_rows_in_parts_give_what_one_row_gives(turbine: Artifact) -> None:
    """Chunks bound the memory and change no answer."""
    rows = [[60.0 + i / 100, 1.5 + (i % 7)] for i in range(CHUNK_ROWS)]
    together = reasons(turbine, rows)
    for i in (0, 1, 1364, 1365, 1366, CHUNK_ROWS - 1):
        assert together[i] == reasons(turbine, [rows[i]])[0]


def test_no_flagged_row_needs_no_run(turbine: Artifact) -> None:
    """A page of harmless traffic costs nothing here."""
    none = Explainer(turbine).reasons(
        np.zeros((0, 2), np.float32), np.zeros((0, 1), np.object_), np.zeros(0, np.intp), np.zeros(0, np.bool_)
    )
    assert none == []


def test_log_odds_tell_certain_from_more_certain() -> None:
    """Where float32 rounds p to 1, the others still differ."""
    rows = np.array([[1.0, 1e-9, 1e-9], [1.0, 1e-20, 0.0], [1.0, 0.0, 0.0]], np.float32)
    odds = log_odds(rows, np.zeros(3, np.intp))
    assert odds[0] < odds[1] < odds[2]
    assert np.isfinite(odds).all()


@pytest.mark.parametrize(
    ("value", "background", "text"),
    [(511.0, 2.0, "count 511 (usually 2)"), (0.07, 0.0, "count 0.07 (usually 0)"), (5.1e6, 0.5, "count 5100000 (usually 0.5)"),
     (3e38, -1.0, "count 3e+38 (usually -1)"), (1234.56, 10.25, "count 1.23e+03 (usually 10.2)")],
)  # fmt: skip
def test_numbers_are_written_short(value: float, background: float, text: str) -> None:
    """Whole numbers whole, others with three digits."""
    assert sentence(Feature("count", "c", "float", background=background), value) == text


def test_long_words_are_cut() -> None:
    """A reason stays one line on a dashboard."""
    text = sentence(Feature("service", "s", "string", background="http"), "x" * 500)
    assert len(text) < 80
