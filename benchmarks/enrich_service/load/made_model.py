"""Generate a small artifact of any width with random weights, without TensorFlow, and rows for it.

numbers ──┐
          ├─▶ one hidden layer ──▶ calm or storm; always calm, so that no document gets reasons
words ────┘ (one-hot)
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from contract.artifact.contract import METADATA_KEY, PROBABILITIES_OUTPUT, Feature, Label, ModelContract
from converter.rows import made_from

HIDDEN = 32
ROOT = "bench"
"""The object that holds the model's fields in a document."""
VOCABULARY = ("red", "green", "blue", "white")
LOW, HIGH = -4.0, 4.0
EDGES = tuple(np.linspace(LOW, HIGH, 11)[1:-1].tolist())
"""Ten bins of the profile, as `oversight contract init` writes them, so that the service counts drift per number."""


def made_model(path: Path, *, numbers: int, words: int = 0) -> Path:
    """Write an artifact with `numbers` numeric inputs and `words` string inputs."""
    rng = np.random.default_rng(0)
    width = numbers + words * len(VOCABULARY)
    constants = [
        numpy_helper.from_array((rng.normal(size=(width, HIDDEN)) / width).astype(np.float32), "first"),
        numpy_helper.from_array(rng.normal(size=(HIDDEN, 2)).astype(np.float32), "second"),
        numpy_helper.from_array(np.array([20.0, 0.0], np.float32), "calm"),
    ]
    nodes = [
        helper.make_node("MatMul", ["row" if words else "numeric", "first"], ["hidden"]),
        helper.make_node("Relu", ["hidden"], ["active"]),
        helper.make_node("Gemm", ["active", "second", "calm"], ["logits"]),
        helper.make_node("Softmax", ["logits"], [PROBABILITIES_OUTPUT], axis=1),
    ]
    inputs = [helper.make_tensor_value_info("numeric", TensorProto.FLOAT, [None, numbers])]
    if words:
        nodes = [
            helper.make_node(
                "OneHotEncoder", ["categorical"], ["hot"], domain="ai.onnx.ml", zeros=1, cats_strings=list(VOCABULARY)
            ),
            helper.make_node("Flatten", ["hot"], ["words"], axis=1),
            helper.make_node("Concat", ["numeric", "words"], ["row"], axis=1),
            *nodes,
        ]
        inputs.append(helper.make_tensor_value_info("categorical", TensorProto.STRING, [None, words]))
    output = helper.make_tensor_value_info(PROBABILITIES_OUTPUT, TensorProto.FLOAT, [None, 2])
    graph = helper.make_graph(nodes, "made", inputs, [output], constants)
    versions = [helper.make_opsetid("", 15), helper.make_opsetid("ai.onnx.ml", 2)]
    model = helper.make_model(graph, ir_version=8, opset_imports=versions)
    helper.set_model_props(model, {METADATA_KEY: _contract(numbers, words).to_json()})
    onnx.save(model, path)
    return path


def _contract(numbers: int, words: int) -> ModelContract:
    floats = [
        Feature(
            f"number_{place}",
            f"{ROOT}.number_{place}",
            "float",
            minimum=LOW,
            maximum=HIGH,
            background=0.0,
            usual_low=-3.0,
            usual_middle=0.0,
            usual_high=3.0,
            profile_edges=EDGES,
            profile_shares=(0.1,) * (len(EDGES) + 1),
        )
        for place in range(numbers)
    ]
    texts = [
        Feature(
            f"word_{place}",
            f"{ROOT}.word_{place}",
            "string",
            vocabulary=VOCABULARY,
            background=VOCABULARY[0],
            usual_shares=tuple((word, 0.25) for word in VOCABULARY),
        )
        for place in range(words)
    ]
    labels = (Label("calm", "calm", 0), Label("storm", "storm", 50))
    return ModelContract("made", (*floats, *texts), labels, ("calm", "storm"), dataset="bench")


def made_sources(contract: ModelContract, n: int) -> list[dict[str, Any]]:
    """The fields of n documents for such a model, as Elasticsearch stores them; numbers have six digits."""
    rows = made_from(contract, n_rows=n)
    names = [feature.name for feature in (*contract.numeric, *contract.categorical)]
    return [
        {ROOT: dict(zip(names, [*(float(f"{value:.6g}") for value in numbers), *words], strict=True))}
        for numbers, words in zip(rows.numeric.tolist(), rows.categorical.tolist(), strict=True)
    ]
