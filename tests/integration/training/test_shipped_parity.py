"""The shipped artifacts against the Keras models beside them and their own figures, on whole files that are read
once.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import onnx
import pytest

from common.settings.shared import DEFAULT_MODEL
from converter.check import agreement
from converter.contract_file import read_contract
from converter.convert import convert
from converter.export.wired import wire
from converter.keras_file import load
from converter.rows import Rows
from training.data.feature_sets import SETS
from training.data.records import Records, Source, read, select
from training.data.split import split
from training.evaluation.detail import detail, twins_of_normal
from training.evaluation.evaluate import evaluate, open_artifact, predict

SESSION, CONTRACT = open_artifact(DEFAULT_MODEL)


@pytest.fixture(scope="module")
def training(shared_data: Path) -> tuple[Records, Source]:
    """The 10 % training set."""
    return read(shared_data / "kdd99" / "kddcup.data_10_percent.gz")


@pytest.fixture(scope="module")
def tested(shared_data: Path) -> Records:
    """Half of the contest's labelled test set, with attacks that training never saw."""
    return read(shared_data / "kdd99" / "corrected-dev.gz")[0]


def folder_of(name: str) -> Path:
    folder = DEFAULT_MODEL.parent.parent / name
    if not (folder / "model.keras").exists():
        pytest.skip(
            f"models/{name} was made before `oversight train` kept model.keras; train it again with --output "
            f"models/{name}"
        )
    return folder


@pytest.mark.parametrize("name", [found.model for found in SETS.values()])
def test_the_shipped_keras_model_converts_to_the_shipped_bytes(name: str, tmp_path: Path) -> None:
    """Anyone can build the artifact again from the files next to it."""
    folder = folder_of(name)
    made = convert(load(folder / "model.keras"), read_contract(folder / "contract.json"), tmp_path / "model.onnx")
    assert made.path.read_bytes() == (folder / "model.onnx").read_bytes()


@pytest.mark.data
@pytest.mark.parametrize("name", [found.model for found in SETS.values()])
def test_keras_and_onnx_agree_on_every_vector_of_training_and_test_file(
    name: str, training: tuple[Records, Source], tested: Records
) -> None:
    """All labels equal, probabilities and novelty within rounding: `agreement` raises where they are not."""
    folder = folder_of(name)
    contract = read_contract(folder / "contract.json")
    wired, graph = wire(load(folder / "model.keras"), contract), onnx.load(folder / "model.onnx")
    for whole in (training[0], tested):
        records = select(whole, tuple(feature.name for feature in contract.features))
        found = agreement(wired, graph, contract, Rows(records.numeric, records.categorical.astype(object)))
        assert found.rows == len(records)
        assert found.labels_that_differ == 0


@pytest.mark.data
def test_the_held_out_figures_can_be_measured_again_from_the_data(training: tuple[Records, Source]) -> None:
    """The split is repeated with the contract's seed; the artifact's predictions give the contract's figures."""
    data, source = training
    assert source.sha256 == CONTRACT.training["sha256"]
    held_out = split(data, CONTRACT.training["seed"]).held_out
    once = dataclasses.replace(held_out, counts=np.ones(len(held_out), np.int64))
    figures = evaluate(once, predict(SESSION, CONTRACT, once), CONTRACT)
    assert figures["accuracy_23"] == pytest.approx(CONTRACT.heldout["accuracy_23"], abs=1e-4)
    assert figures["macro_f1_23"] == pytest.approx(CONTRACT.heldout["macro_f1_23"], abs=1e-2)
    assert figures["normal_flag_rate"] == pytest.approx(CONTRACT.heldout["normal_flag_rate"], abs=1e-3)


@pytest.mark.data
def test_the_shipped_artifact_holds_all_musts_on_the_test_file_together(tested: Records) -> None:
    """On attacks that training never saw too; `benchmarks.training.goals` has the table."""
    predictions = predict(SESSION, CONTRACT, tested)
    details = detail(tested, predictions, CONTRACT, twins_of_normal(tested))
    figures = evaluate(tested, predictions, CONTRACT) | details
    assert figures["kdd_cost"] <= 0.20
    assert figures["family_accuracy"] >= 0.93
    assert figures["family_recall"]["r2l"] >= 0.10
    assert figures["normal_alert_rate"] <= 0.015
    assert figures["normal_flag_rate"] <= 0.05
    assert figures["separable_flagged"] >= 0.40
    assert figures["macro_flagged"] >= 0.70
    assert figures["ece_family"] <= 0.07
