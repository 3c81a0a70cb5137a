"""The shipped artifact: its content, its form as one plain file, and its predictions, which must not change."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx

from common.settings.shared import DEFAULT_MODEL
from contract.kdd99.columns import CATEGORICAL, COLUMNS, FAMILIES, LABELS, NUMERIC, field_of
from tests.conftest import ROOT
from tests.integration.training.golden import ANSWERS, records
from training.evaluation.evaluate import open_artifact, predict

SESSION, CONTRACT = open_artifact(DEFAULT_MODEL)
FOLDER = DEFAULT_MODEL.parent


def test_the_contract_is_that_of_kdd_cup_99() -> None:
    """Features, fields and labels in the order that every other part relies on."""
    assert CONTRACT.name == "kdd99-mlp"
    assert [feature.name for feature in CONTRACT.features] == list(COLUMNS)
    assert CONTRACT.fields == tuple(field_of(column) for column in COLUMNS)
    assert [feature.name for feature in CONTRACT.categorical] == list(CATEGORICAL)
    found = tuple(replace(label, usual_reasons=(), usual_fall=None) for label in CONTRACT.labels)
    assert found == LABELS
    assert {"back", "neptune", "smurf"} <= {label.name for label in CONTRACT.labels if label.usual_reasons}
    assert CONTRACT.families == FAMILIES
    assert CONTRACT.novelty_threshold is not None


def test_every_feature_has_what_warnings_and_reasons_need() -> None:
    """A range or a vocabulary, and a harmless value within it."""
    for feature in CONTRACT.features:
        if feature.kind == "string":
            assert feature.background in feature.vocabulary
        else:
            assert feature.minimum is not None
            assert feature.maximum is not None
            assert feature.minimum <= float(feature.background or 0.0) <= feature.maximum


def test_it_says_where_it_comes_from_and_nothing_of_the_machine_or_the_time() -> None:
    """The digest is that of the 10 % training set as the UCI KDD archive has it."""
    assert CONTRACT.training["sha256"] == "7bfaa8cef1350f72842018c32893e2fa4539d57efbb22f998eb74ecefc3da3b4"
    assert CONTRACT.training["rows"] == 494_021
    assert {"keras", "tensorflow", "tf2onnx", "onnx", "numpy"} <= set(CONTRACT.libraries)
    content = DEFAULT_MODEL.read_bytes()
    for place in (ROOT, ROOT.parent, Path.home(), Path("/home"), Path("/tmp")):
        assert f"{place}/".encode() not in content


def test_it_is_one_small_file_of_standard_operators() -> None:
    """Any ONNX Runtime can serve it, without other files."""
    model = onnx.load(DEFAULT_MODEL, load_external_data=False)
    assert DEFAULT_MODEL.stat().st_size < 1_000_000
    assert {item.domain for item in model.opset_import} == {"", "ai.onnx.ml"}
    assert {node.domain for node in model.graph.node} <= {"", "ai.onnx.ml"}
    assert not any(tensor.external_data or tensor.data_location for tensor in model.graph.initializer)
    onnx.checker.check_model(model, full_check=True)


def test_inputs_and_outputs_are_as_the_contract_describes_them() -> None:
    """Names, types and shapes, with a free number of rows."""
    inputs = {item.name: (item.type, item.shape) for item in SESSION.get_inputs()}
    outputs = {item.name: (item.type, item.shape) for item in SESSION.get_outputs()}
    assert inputs == {
        "numeric": ("tensor(float)", ["rows", len(NUMERIC)]),
        "categorical": ("tensor(string)", ["rows", len(CATEGORICAL)]),
    }
    assert outputs == {"probabilities": ("tensor(float)", ["rows", 23]), "novelty": ("tensor(float)", ["rows"])}


def test_its_answers_to_rows_written_by_hand_are_those_it_was_shipped_with() -> None:
    """A new artifact changes tests/integration/training/golden.py, so the review shows the difference."""
    found = predict(SESSION, CONTRACT, records())
    names = np.array([label.name for label in CONTRACT.labels])
    assert names[found.probabilities.argmax(axis=1)].tolist() == [answer.label for answer in ANSWERS]
    assert np.allclose(found.probabilities.max(axis=1), [answer.probability for answer in ANSWERS], atol=1e-3)
    assert np.allclose(found.novelty, [answer.novelty for answer in ANSWERS], atol=1e-3)


def test_a_batch_is_its_rows() -> None:
    """No row's result depends on other rows, and an empty batch is no error."""
    rows = records()
    whole = predict(SESSION, CONTRACT, rows)
    for index in range(len(rows)):
        alone = predict(SESSION, CONTRACT, rows.take(np.array([index])))
        assert np.allclose(alone.probabilities[0], whole.probabilities[index], atol=1e-6)
    empty = {"numeric": np.zeros((0, 38), np.float32), "categorical": np.zeros((0, 3), object)}
    assert SESSION.run(["novelty"], empty)[0].shape == (0,)


def test_report_and_card_belong_to_this_file() -> None:
    """They are written together, so none of them can be out of date."""
    report = json.loads((FOLDER / "report.json").read_text(encoding="utf-8"))
    card = (FOLDER / "MODEL_CARD.md").read_text(encoding="utf-8")
    version = hashlib.sha256(DEFAULT_MODEL.read_bytes()).hexdigest()[:12]
    assert report["artifact"]["version"] == version
    assert version in card
    assert report["held_out"] == CONTRACT.heldout
    assert report["artifact"]["checked_against_keras"]["labels_that_differ"] == 0


def test_it_reaches_the_floor_on_vectors_that_it_never_saw() -> None:
    """As its own report states it."""
    assert CONTRACT.heldout["accuracy_23"] >= 0.998
    assert CONTRACT.heldout["macro_f1_23"] >= 0.74
    assert CONTRACT.heldout["ece_family"] <= 0.005
    assert CONTRACT.heldout["normal_flag_rate"] <= 0.03
