"""Fewer operations with the same outputs; a similar graph stays unchanged."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from converter.export.fuse import fuse

OPSET = 18
RNG = np.random.default_rng(0)
X = RNG.normal(size=(5, 4)).astype(np.float32)
C = RNG.normal(size=(5, 3)).astype(np.float32)
CONSTANTS = {
    "weights": RNG.normal(size=(4, 3)).astype(np.float32),
    "bias": RNG.normal(size=3).astype(np.float32),
    "column": RNG.normal(size=(1, 1)).astype(np.float32),
    "low": np.float32(-0.5),
    "high": np.float32(0.5),
    "each": RNG.normal(size=3).astype(np.float32),
    "axis": np.array([1], np.int64),
    "table": RNG.normal(size=(6, 2)).astype(np.float32),
    "nothing": np.int32(0),
    "two": np.int32(2),
    "length": np.int32(6),
}
Node = tuple[str, Sequence[str], str]
FROM_THE_END: list[Node] = [
    ("Less", ["i", "nothing"], "negative"),
    ("Cast", ["negative"], "as_number"),
    ("Add", ["i", "length"], "shifted"),
    ("Mul", ["as_number", "shifted"], "from_end"),
    ("Not", ["negative"], "positive"),
    ("Cast", ["positive"], "also_number"),
    ("Mul", ["i", "also_number"], "from_start"),
    ("Add", ["from_end", "from_start"], "index"),
    ("Gather", ["table", "index"], "y"),
]
"""A look-up as Keras and tf2onnx write it."""


def model_of(nodes: Sequence[Node]) -> onnx.ModelProto:
    made = [
        helper.make_node(kind, list(takes), [gives], to=TensorProto.INT32)
        if kind == "Cast"
        else helper.make_node(kind, list(takes), [gives])
        for kind, takes, gives in nodes
    ]
    inputs = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", 4]),
        helper.make_tensor_value_info("c", TensorProto.FLOAT, ["rows", 3]),
        helper.make_tensor_value_info("i", TensorProto.INT32, ["rows"]),
    ]
    constants = [numpy_helper.from_array(np.asarray(value), name) for name, value in CONSTANTS.items()]
    output = [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
    graph = helper.make_graph(made, "g", inputs, output, initializer=constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)


def fused(nodes: Sequence[Node]) -> list[str]:
    """The operations after fusing, whose outputs are the same as before."""
    model = model_of(nodes)
    feeds = {"x": X, "c": C, "i": np.array([0, 5, -1, 2, -6], np.int32)}
    (before,) = ReferenceEvaluator(model).run(None, feeds)
    fuse(model.graph, OPSET)
    onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)
    (after,) = ReferenceEvaluator(model).run(None, feeds)
    assert np.asarray(after).dtype == np.asarray(before).dtype
    assert np.allclose(after, before, atol=1e-6)
    return [node.op_type for node in needed(model.graph)]


def needed(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    """The nodes that lead to the output."""
    wanted, found = {"y"}, []
    for node in reversed(graph.node):
        if wanted & set(node.output):
            wanted |= set(node.input)
            found.append(node)
    return found


PRODUCT: Node = ("MatMul", ["x", "weights"], "product")


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        ([PRODUCT, ("Add", ["product", "bias"], "y")], ["Gemm"]),
        ([PRODUCT, ("Add", ["c", "product"], "y")], ["Gemm"]),
        ([PRODUCT, ("Sub", ["c", "product"], "y")], ["Gemm"]),
        ([("Min", ["x", "high"], "least"), ("Max", ["least", "low"], "y")], ["Clip"]),
        ([("Mul", ["c", "c"], "squares"), ("ReduceSum", ["squares", "axis"], "y")], ["ReduceSumSquare"]),
        (FROM_THE_END, ["Gather"]),
    ],
    ids=["product and bias", "product and rows", "rows less product", "two bounds", "sum of squares", "look-up"],
)
def test_a_pattern_becomes_one_operation_with_the_same_output(nodes: list[Node], expected: list[str]) -> None:
    """Each as tf2onnx writes it."""
    assert fused(nodes) == expected


@pytest.mark.parametrize(
    "nodes",
    [
        [PRODUCT, ("Sub", ["product", "c"], "y")],
        [PRODUCT, ("Add", ["product", "column"], "y")],
        [PRODUCT, ("Add", ["product", "c"], "sum"), ("Mul", ["sum", "product"], "y")],
        [("Min", ["x", "low"], "least"), ("Max", ["least", "high"], "y")],
        [("Min", ["c", "each"], "least"), ("Max", ["least", "low"], "y")],
        [("Mul", ["c", "bias"], "products"), ("ReduceSum", ["products", "axis"], "y")],
    ],
    ids=["product less rows", "another width", "used twice", "bounds that cross", "a bound a column", "other products"],
)
def test_a_graph_that_only_looks_like_a_pattern_stays(nodes: list[Node]) -> None:
    """The same operations as before, in some order."""
    assert sorted(fused(nodes)) == sorted(kind for kind, _, _ in nodes)


def test_a_look_up_that_shifts_by_another_bound_stays() -> None:
    """Only an index below 0 counts from the end."""
    nodes = [
        (kind, ["two" if name == "nothing" else name for name in takes], gives) for kind, takes, gives in FROM_THE_END
    ]
    model = model_of(nodes)
    fuse(model.graph, OPSET)
    assert model.graph.node[-1].input[1] == "index"
