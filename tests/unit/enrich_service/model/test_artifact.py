"""Opening an artifact: what the service accepts, and what it refuses in one line."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, external_data_helper, helper, numpy_helper

from contract.artifact.contract import METADATA_KEY, Feature
from contract.errors import ArtifactError
from enrich_service.model.artifact import Artifact, load
from enrich_service.model.model_file import read_contract
from tests.artifacts import TURBINE, turbine_graph, without_novelty, write_model


def test_the_version_is_the_start_of_the_hash_of_the_file(turbine_model: Path, turbine: Artifact) -> None:
    """Two files with the same version contain the same model."""
    assert turbine.version == hashlib.sha256(turbine_model.read_bytes()).hexdigest()[:12]


def test_the_contract_is_read_back_unchanged(turbine_model: Path) -> None:
    """The file has everything that the other parts know of a model."""
    assert read_contract(turbine_model) == TURBINE


def test_the_contract_of_a_graph_that_cannot_run_is_read(tmp_path: Path) -> None:
    """Mappings and dashboards need only the contract, not a working graph."""
    path = write_model(tmp_path / "model.onnx", change=_operator_of_another_domain)
    assert read_contract(path) == TURBINE


def test_a_model_without_novelty_is_served(tmp_path: Path) -> None:
    """Novelty is optional; without a threshold the service does not request it from the graph."""
    artifact = load(write_model(tmp_path / "model.onnx", without_novelty()))
    outputs = artifact.run(np.zeros((2, 2), np.float32), np.full((2, 1), "off", np.object_))
    assert {name: values.shape for name, values in outputs.items()} == {"probabilities": (2, 3)}


def _operator_of_another_domain(model: Any) -> None:
    model.graph.node[1].domain = "com.example"
    model.opset_import.append(helper.make_opsetid("com.example", 1))


def _external(model: Any) -> None:
    weights = next(tensor for tensor in model.graph.initializer if tensor.name == "weights")
    external_data_helper.set_external_data(weights, "weights.bin")


def _external_in_a_constant_node(model: Any) -> None:
    tensor = numpy_helper.from_array(np.zeros(2, np.float32), "hidden")
    external_data_helper.set_external_data(tensor, "/etc/hostname")
    model.graph.node.insert(0, helper.make_node("Constant", [], ["unused"], value=tensor))


def _other_constant(name: str, value: Any) -> Callable[[Any], None]:
    def change(model: Any) -> None:
        tensor = next(tensor for tensor in model.graph.initializer if tensor.name == name)
        tensor.CopyFrom(numpy_helper.from_array(np.asarray(value, np.float32), name))

    return change


def _softmax_is_gone(model: Any) -> None:
    next(node for node in model.graph.node if node.op_type == "Softmax").op_type = "LogSoftmax"


def _probabilities_renamed(model: Any) -> None:
    model.graph.output[0].name = next(n for n in model.graph.node if n.op_type == "Softmax").output[0] = "scores"


def _one_row_only(model: Any) -> None:
    model.graph.input[0].CopyFrom(helper.make_tensor_value_info("numeric", TensorProto.FLOAT, [1, 2]))


def _one_input_more(model: Any) -> None:
    model.graph.input.append(helper.make_tensor_value_info("weather", TensorProto.FLOAT, [1]))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_operator_of_another_domain, "ONNX Runtime .* refuses the graph .*com.example"),
        (_external, "external data"),
        (_external_in_a_constant_node, "external data"),
        (_softmax_is_gone, "probabilities that are not numbers from 0 to 1"),
        (_other_constant("one", 5.0), "a novelty that is not a number from 0 to 1"),
        (_other_constant("bias", [np.nan, 0, 0]), "probabilities that are not numbers"),
        (_other_constant("bias", [0, 0, 0, 0, 0, 0]), "does not answer a row"),
        (_probabilities_renamed, "output 'probabilities' is missing, the graph has novelty, scores"),
        (_one_row_only, r"input 'numeric' is tensor\(float\) of shape \(1, 2\), the contract says .*\(any, 2\)"),
        (_one_input_more, "needs an input 'weather'"),
    ],
)
def test_an_unusable_graph_is_refused(tmp_path: Path, change: Callable[[Any], None], said: str) -> None:
    """The message names the file and what is wrong with it, in one line."""
    path = write_model(tmp_path / "model.onnx", change=change)
    with pytest.raises(ArtifactError, match=said) as refusal:
        load(path)
    assert str(path) in str(refusal.value)
    assert "\n" not in str(refusal.value)


def _newer_ir(model: Any) -> None:
    model.ir_version = 99


def _newer_opset(model: Any) -> None:
    model.opset_import[0].version = 99


def _newer_ml_opset(model: Any) -> None:
    model.opset_import[1].version = 99


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            _newer_ir,
            r"has the IR version 99, and ONNX Runtime {runtime} reads the IR version up to \d+; update ONNX Runtime",
        ),
        (
            _newer_opset,
            r"has operator set ai\.onnx 99, and ONNX Runtime {runtime} reads operator set ai\.onnx up to \d+; update",
        ),
        (
            _newer_ml_opset,
            r"has operator set ai\.onnx\.ml 99, and ONNX Runtime {runtime} reads .* up to \d+; update ONNX Runtime",
        ),
    ],
)
def test_a_model_that_is_newer_than_onnx_runtime_says_both_numbers(
    tmp_path: Path, change: Callable[[Any], None], said: str
) -> None:
    """Another conversion would make the same file: the user must update the runtime, or export for an older version."""
    path = write_model(tmp_path / "model.onnx", change=change)
    with pytest.raises(ArtifactError, match=said.format(runtime=re.escape(onnxruntime.__version__))) as refusal:
        load(path)
    assert "only operators of ONNX" not in str(refusal.value)


def test_a_reason_of_onnx_runtime_is_shown_without_the_position_in_its_source(tmp_path: Path) -> None:
    """The position is longer than the reason, and does not help a user."""
    with pytest.raises(ArtifactError) as refusal:
        load(write_model(tmp_path / "model.onnx", change=_operator_of_another_domain))
    assert "onnxruntime_src" not in str(refusal.value)


def test_probabilities_that_do_not_sum_to_one_are_refused(tmp_path: Path) -> None:
    """One sigmoid per label does not say which label it is."""

    def sigmoid(model: Any) -> None:
        node = next(node for node in model.graph.node if node.op_type == "Softmax")
        node.op_type = "Sigmoid"
        del node.attribute[:]

    with pytest.raises(ArtifactError, match=r"sum to .* instead of 1"):
        load(write_model(tmp_path / "model.onnx", change=sigmoid))


def test_a_contract_of_more_features_than_the_graph_has_is_refused(tmp_path: Path) -> None:
    """Graph and contract must come from the same conversion."""
    more = replace(TURBINE, features=(*TURBINE.features, Feature("rpm", "turbine.rpm", "float")))
    with pytest.raises(ArtifactError, match=r"input 'numeric' is .*\(n, 2\), the contract says .*\(any, 3\)"):
        load(write_model(tmp_path / "model.onnx", more))


def test_a_missing_file_is_refused_with_how_to_get_one(tmp_path: Path) -> None:
    """The most likely mistake on a new machine."""
    with pytest.raises(ArtifactError, match=r"there is no model at .*; run `oversight train`, or set OVERSIGHT_MODEL"):
        load(tmp_path / "model.onnx")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    """OVERSIGHT_MODEL must name the file."""
    with pytest.raises(ArtifactError, match=r"is a folder; set OVERSIGHT_MODEL to the file in it"):
        load(tmp_path)


@pytest.mark.parametrize("data", [b"", b"{}", b"PK\x03\x04 a zip", b"\x89HDF\r\n\x1a\n", bytes(64), b"\xff" * 64])
def test_a_file_that_is_not_onnx_is_refused(tmp_path: Path, data: bytes) -> None:
    """A Keras file, an archive, an empty download."""
    path = tmp_path / "model.onnx"
    path.write_bytes(data)
    with pytest.raises(ArtifactError, match="is not an ONNX model"):
        load(path)


def test_a_truncated_file_is_refused_wherever_it_ends(tmp_path: Path, turbine_model: Path) -> None:
    """An incomplete download is never served."""
    whole = turbine_model.read_bytes()
    path = tmp_path / "model.onnx"
    for size in range(0, len(whole) - 1, 41):
        path.write_bytes(whole[:size])
        with pytest.raises(ArtifactError):
            load(path)


def test_a_foreign_model_is_refused_with_how_to_convert_it(tmp_path: Path) -> None:
    """A foreign ONNX model lacks the names of fields and labels."""
    with pytest.raises(ArtifactError, match=r"without Oversight's contract .* `oversight convert`"):
        load(write_model(tmp_path / "model.onnx", None))


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 99}', '{"format": 1}', "[" * 100_000])
def test_a_damaged_contract_is_refused(tmp_path: Path, text: str) -> None:
    """The message names the file and the damage."""
    path = write_model(tmp_path / "model.onnx", None, metadata={METADATA_KEY: text})
    with pytest.raises(ArtifactError, match=r"model\.onnx"):
        read_contract(path)


def test_the_metadata_is_found_at_any_position_in_the_file(tmp_path: Path, turbine_model: Path) -> None:
    """Protocol Buffers allow any order, and other programs write another one."""
    model = onnx.load(turbine_model)
    props = onnx.ModelProto(metadata_props=model.metadata_props).SerializeToString()
    del model.metadata_props[:]
    path = tmp_path / "model.onnx"
    path.write_bytes(props + model.SerializeToString())
    assert load(path).contract == TURBINE


def test_a_subgraph_that_names_other_files_is_refused(tmp_path: Path) -> None:
    """Weights can also be in the branches of an If."""
    tensor = numpy_helper.from_array(np.ones(3, np.float32), "far")
    external_data_helper.set_external_data(tensor, "far.bin")
    branch = helper.make_graph(
        [helper.make_node("Identity", ["far"], ["inner"])],
        "branch",
        [],
        [helper.make_tensor_value_info("inner", TensorProto.FLOAT, [3])],
        [tensor],
    )
    graph = turbine_graph()
    graph.initializer.append(numpy_helper.from_array(np.array(True), "yes"))
    graph.node.append(helper.make_node("If", ["yes"], ["outer"], then_branch=branch, else_branch=branch))
    with pytest.raises(ArtifactError, match="external data"):
        load(write_model(tmp_path / "model.onnx", graph=graph))
