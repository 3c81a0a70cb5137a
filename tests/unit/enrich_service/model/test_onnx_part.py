"""The part of a graph that computes one output gives the same values as the whole graph, and computes nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from contract.artifact.contract import NOVELTY_OUTPUT, PROBABILITIES_OUTPUT
from contract.onnx.reader import NotOnnxError
from enrich_service.model.artifact import LABEL_PART, load
from enrich_service.model.onnx_part import part_for
from tests.artifacts import without_novelty, write_model
from tests.conftest import ROOT

SHIPPED = ROOT / "models" / "kdd99-mlp" / "model.onnx"


@pytest.mark.parametrize("output", [PROBABILITIES_OUTPUT, NOVELTY_OUTPUT])
def test_a_part_is_a_valid_model_with_only_that_output(tmp_path: Path, output: str) -> None:
    """The other output, its nodes and its weights are left out; metadata and operator sets stay."""
    whole = write_model(tmp_path / "model.onnx").read_bytes()
    part = onnx.load_from_string(part_for(whole, output))
    onnx.checker.check_model(part)
    assert [value.name for value in part.graph.output] == [output]
    before = onnx.load_from_string(whole)
    assert len(part.graph.node) < len(before.graph.node)
    assert len(part.graph.initializer) < len(before.graph.initializer)
    assert part.metadata_props == before.metadata_props


def test_a_part_gives_the_values_of_the_shipped_graph() -> None:
    """Reasons compare rows with the parts, and the verdict comes from the whole graph: the numbers must be equal."""
    artifact = load(SHIPPED)
    contract = artifact.contract
    rng = np.random.default_rng(0)
    numeric = rng.exponential(100.0, (300, len(contract.numeric))).astype(np.float32)
    words = np.array([[rng.choice(feature.vocabulary) for feature in contract.categorical] for _ in numeric], object)
    outputs = artifact.run(numeric, words)
    probabilities, novelty = outputs["probabilities"], outputs["novelty"]
    assert set(artifact.parts) == {PROBABILITIES_OUTPUT, NOVELTY_OUTPUT, LABEL_PART}
    np.testing.assert_array_equal(artifact.run_one(PROBABILITIES_OUTPUT, numeric, words), probabilities)
    assert novelty is not None
    np.testing.assert_array_equal(artifact.run_one(NOVELTY_OUTPUT, numeric, words), novelty)


def test_the_part_for_labels_gives_the_probabilities_of_rows_that_are_not_novel() -> None:
    """It computes no novelty and does not contain the weights for it."""
    artifact = load(SHIPPED)
    contract = artifact.contract
    rng = np.random.default_rng(1)
    numeric = rng.exponential(100.0, (300, len(contract.numeric))).astype(np.float32)
    words = np.array([[rng.choice(feature.vocabulary) for feature in contract.categorical] for _ in numeric], object)
    outputs = artifact.run(numeric, words)
    probabilities, novelty = outputs["probabilities"], outputs["novelty"]
    assert novelty is not None
    label = artifact.run_label(numeric, words)
    known = novelty < 0.5
    np.testing.assert_allclose(label[known], probabilities[known], atol=1e-6)
    assert (label.argmax(axis=1) == probabilities.argmax(axis=1)).all()
    held = onnx.load_from_string(part_for(SHIPPED.read_bytes(), PROBABILITIES_OUTPUT, held_at_zero=NOVELTY_OUTPUT))
    onnx.checker.check_model(held)
    assert len(held.graph.node) < len(onnx.load(SHIPPED).graph.node) * 0.75


def test_the_values_that_a_nested_graph_reads_are_kept() -> None:
    """The branches of an If use values of the outer graph without listing them as inputs."""
    branches = {
        name: helper.make_graph(
            [helper.make_node(operator, ["doubled", "x"], [f"{name}_out"])],
            name,
            [],
            [helper.make_tensor_value_info(f"{name}_out", TensorProto.FLOAT, ["n"])],
        )
        for name, operator in (("then_branch", "Add"), ("else_branch", "Mul"))
    }
    graph = helper.make_graph(
        [
            helper.make_node("Add", ["x", "x"], ["doubled"]),
            helper.make_node("If", ["flag"], ["wanted"], **branches),
            helper.make_node("Neg", ["x"], ["other"]),
        ],
        "outer",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n"])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n"]) for name in ("wanted", "other")],
        [numpy_helper.from_array(np.array(True), "flag")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    part = part_for(model.SerializeToString(), "wanted")
    assert [node.op_type for node in onnx.load_from_string(part).graph.node] == ["Add", "If"]
    (answer,) = onnxruntime.InferenceSession(part).run(None, {"x": np.array([1.0, 3.0], np.float32)})
    assert answer.tolist() == [3.0, 9.0]


def test_an_output_without_a_node_is_refused(tmp_path: Path) -> None:
    whole = write_model(tmp_path / "model.onnx").read_bytes()
    with pytest.raises(NotOnnxError, match="'logits_of_another'"):
        part_for(whole, "logits_of_another")


def test_a_model_without_novelty_has_no_parts(tmp_path: Path) -> None:
    """It has only one output, so the service runs the whole graph."""
    assert load(write_model(tmp_path / "model.onnx", without_novelty())).parts == {}
