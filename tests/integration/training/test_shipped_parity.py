"""The shipped artifacts against the Keras models they were made of, which lie beside them."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from converter.check import agreement
from converter.convert import convert, read_contract
from converter.keras_file import load
from converter.rows import Rows
from converter.signature import signature_of
from oversight.settings import DEFAULT_MODEL
from training.data import read
from training.feature_sets import SETS

FILES = ("kddcup.data_10_percent.gz", "corrected-dev.gz")


def folder_of(name: str) -> Path:
    folder = DEFAULT_MODEL.parent.parent / name
    if not (folder / "model.keras").exists():
        pytest.skip(
            f"models/{name} was made before `oversight train` kept model.keras; train it again with --output models/{name}"
        )
    return folder


@pytest.mark.parametrize("name", [found.model for found in SETS.values()])
def test_the_shipped_keras_model_converts_to_the_shipped_bytes(name: str, tmp_path: Path) -> None:
    """Anyone can make the artifact again from what lies beside it."""
    folder = folder_of(name)
    made = convert(load(folder / "model.keras"), read_contract(folder / "contract.json"), tmp_path / "model.onnx")
    assert made.path.read_bytes() == (folder / "model.onnx").read_bytes()


@pytest.mark.data
@pytest.mark.parametrize("name", [found.model for found in SETS.values()])
def test_keras_and_onnx_agree_on_every_vector_of_training_and_test_file(name: str, shared_data: Path) -> None:
    """All labels equal, probabilities and novelty within rounding: `agreement` raises where they are not."""
    folder = folder_of(name)
    contract = read_contract(folder / "contract.json")
    signature, graph = signature_of(load(folder / "model.keras"), contract), onnx.load(folder / "model.onnx")
    for file in FILES:
        records, _ = read(shared_data / "kdd99" / file, tuple(feature.name for feature in contract.features))
        found = agreement(signature, graph, contract, Rows(records.numeric, records.categorical.astype(object)))
        assert found.rows == len(records)
        assert found.labels_that_differ == 0
