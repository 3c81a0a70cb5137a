"""Open an artifact as the enrich service does, and compare it with Keras."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from contract.artifact.contract import Feature, Label, ModelContract
from converter.convert import convert
from converter.files.load import load
from converter.inputs.preprocess import Preprocess
from converter.inputs.wiring import Choices
from enrich_service.model.artifact import load as open_artifact

TOLERANCE = 3e-7
"""Sums are added in another order. Look-ups and counts are equal to the last bit."""


def contract(*features: Feature, n_labels: int = 2) -> ModelContract:
    labels = (Label("calm", "calm", 0), Label("flood", "danger", 80), Label("drought", "danger", 40))
    return ModelContract("rivers", features, labels[:n_labels], ("calm", "danger"))


def number(name: str, **more: Any) -> Feature:
    return Feature(name, f"river.{name}", "float", minimum=-5.0, maximum=5.0, background=1.0, **more)


def words(name: str, *vocabulary: str) -> Feature:
    return Feature(name, f"river.{name}", "string", vocabulary=vocabulary, background=vocabulary[0])


def converted(
    model: Any,
    its_contract: ModelContract,
    folder: Path,
    *,
    choices: Choices | None = None,
    preprocess: Preprocess | None = None,
) -> Path:
    """Convert a model or a model file."""
    loaded = load(model) if isinstance(model, Path) else model
    made = convert(loaded, its_contract, folder / "model.onnx", choices=choices or Choices(), preprocess=preprocess)
    return made.path


def served(path: Path, numeric: Sequence[Sequence[float]], text: Sequence[Sequence[str]] = ()) -> NDArray[np.float32]:
    """The probabilities that the enrich service computes."""
    artifact = open_artifact(path)
    n = max(len(numeric), len(text))
    numbers = np.array(numeric, np.float32).reshape(n, len(artifact.contract.numeric))
    return artifact.run(numbers, np.array(text, object).reshape(n, len(artifact.contract.categorical)))[
        artifact.outputs[0]
    ]


def by_keras(model: keras.Model, given: Any) -> NDArray[np.float32]:
    """The prediction of Keras for inputs that the test wrote by hand."""
    tensors = keras.tree.map_structure(keras.ops.convert_to_tensor, given)
    answer = model(tensors, training=False)
    return np.asarray(keras.ops.convert_to_numpy(answer))
