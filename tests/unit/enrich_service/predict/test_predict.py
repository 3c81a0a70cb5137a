"""The prediction for each row of a page, computed from the model's outputs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from contract.errors import InvalidFeatureError
from enrich_service.model.artifact import Artifact, load
from enrich_service.predict.features import FeatureReader
from enrich_service.predict.predict import Predictions, Predictor, likeliest
from tests.artifacts import HEALTHY, HOT, STRANGE, TURBINE, WORN, without_novelty, write_model
from tests.enriching import page_of


def predict(artifact: Artifact, *sources: dict[str, Any]) -> Predictions:
    return Predictor(artifact).predict(FeatureReader(artifact.contract).read(page_of(*sources).sources))


def test_a_page_is_read_row_by_row(turbine: Artifact) -> None:
    """Closest label, attack, novelty and verdict of four kinds of rows."""
    found = predict(turbine, HEALTHY, HOT, WORN, STRANGE)
    assert [TURBINE.labels[i].name for i in found.closest] == ["healthy", "overheating", "bearing_wear", "healthy"]
    assert found.attack.tolist() == [False, True, True, False]
    assert found.novel.tolist() == [False, True, True, True]
    assert found.unknown.tolist() == [False, False, False, True]


def test_the_top_three_are_in_order_and_begin_with_the_closest(turbine: Artifact) -> None:
    """Readers take the first one as the prediction."""
    found = predict(turbine, HEALTHY, HOT)
    probabilities = found.outputs["probabilities"]
    top = likeliest(probabilities)
    assert top[:, 0].tolist() == found.closest.tolist()
    ordered = np.take_along_axis(probabilities, top, axis=1)
    assert (np.diff(ordered, axis=1) <= 0).all()


def test_an_unknown_has_the_likeliest_family_that_is_an_attack(turbine: Artifact) -> None:
    """The harmless family is never the answer, even if it is the likeliest."""
    found = predict(turbine, STRANGE)
    by_family = {"heat": found.outputs["probabilities"][0, 2], "wear": found.outputs["probabilities"][0, 0]}
    assert TURBINE.families[found.attack_family[0]] == max(by_family, key=lambda family: by_family[family])


def test_the_attack_probability_is_that_of_all_attacks_together(turbine: Artifact) -> None:
    """Two attacks that the model cannot distinguish are still an attack."""
    found = predict(turbine, HEALTHY)
    assert found.attack_probability[0] == pytest.approx(1 - found.outputs["probabilities"][0, 1], abs=1e-6)


def test_an_unseen_word_and_a_value_out_of_range_are_warnings(turbine: Artifact) -> None:
    """Neither is an error: the model predicts, and the warning says that training never saw the value."""
    source = {"turbine": {"temperature_c": 150, "vibration_mm_s": 1.0, "state": {"mode": "rusty"}}}
    found = predict(turbine, HEALTHY, source)
    expected = ["unseen_category:turbine.state.mode", "out_of_range:turbine.temperature_c"]
    assert found.warnings == [[], expected]


def test_the_ends_of_the_range_are_inside(turbine: Artifact) -> None:
    """140.1 as float32 is above 140.1 as float64, and still is the same number."""
    source = {"turbine": {"temperature_c": 140.1, "vibration_mm_s": 25.5, "state": {"mode": "off"}}}
    low = {"turbine": {"temperature_c": 20, "vibration_mm_s": 0, "state": {"mode": "off"}}}
    assert predict(turbine, source, low).warnings == [[], []]


def test_a_model_without_novelty_knows_no_unknown(tmp_path: Path) -> None:
    """Without novelty nothing can be above a threshold."""
    found = predict(load(write_model(tmp_path / "model.onnx", without_novelty())), STRANGE)
    assert found.novelty is None
    assert found.unknown.tolist() == [False]


def test_a_row_that_overflows_the_model_is_that_documents_error(tmp_path: Path) -> None:
    """The error names the feature furthest outside its range, and the neighbours get their predictions."""

    def overflow(model: Any) -> None:
        scale = next(tensor for tensor in model.graph.initializer if tensor.name == "scale")
        scale.raw_data = np.array([1.0, 1e6], np.float32).tobytes()

    artifact = load(write_model(tmp_path / "model.onnx", change=overflow))
    huge = {"turbine": {"temperature_c": 90, "vibration_mm_s": -3e38, "state": {"mode": "off"}}}
    found = predict(artifact, HEALTHY, huge, {}, HEALTHY)
    assert found.rows.index.tolist() == [0, 3]
    assert sorted(found.rows.errors) == [1, 2]
    error = found.rows.errors[1]
    assert isinstance(error, InvalidFeatureError)
    assert error.field == "turbine.vibration_mm_s"
    assert "training saw 0 to 25.5" in str(error)


def test_a_model_whose_labels_are_all_harmless_flags_only_by_novelty(tmp_path: Path) -> None:
    """A contract may have no attack labels."""
    harmless = replace(TURBINE, labels=tuple(replace(label, severity=0) for label in TURBINE.labels))
    found = predict(load(write_model(tmp_path / "model.onnx", harmless)), HOT, HEALTHY)
    assert found.attack.tolist() == [False, False]
    assert found.unknown.tolist() == [True, False]
