"""Replace groups of operations by single ones that ONNX has and tf2onnx does not use.

    MatMul(a, B) + c   ─▶ Gemm(a, B, c)          c - MatMul(a, B)      ─▶ Gemm(a, B, c, alpha=-1)
    Max(Min(x, h), l)  ─▶ Clip(x, l, h)          ReduceSum(Mul(x, x))  ─▶ ReduceSumSquare(x)
    Gather(t, i < 0 ? i + n : i)  ─▶ Gather(t, i)

Each replacement is exact, apart from the order of a sum. A group that does not match exactly stays as it is. The graph
is checked against Keras afterwards in any case.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from contract.errors import ConversionError
from converter.onnx_graph import ML_OPSET

Shape = tuple[int | None, ...]
"""None is an axis of any length, such as the rows."""


def fuse(graph: onnx.GraphProto, opset: int) -> None:
    """Replace these patterns of the outer graph in place. `export.graph.sort` later drops the nodes without a use.

    Raises:
        ConversionError: ONNX cannot infer the graph's shapes.
    """
    view = _View(graph, opset)
    rules: tuple[Callable[[onnx.NodeProto, _View], onnx.NodeProto | None], ...] = (
        _gemm,
        _clip,
        _sum_of_squares,
        _plain_gather,
    )
    for place, node in enumerate(graph.node):
        replacement = next((new for rule in rules if (new := rule(node, view)) is not None), None)
        if replacement is not None:
            graph.node[place].CopyFrom(replacement)


class _View:
    """Look-ups in a graph for the rules."""

    def __init__(self, graph: onnx.GraphProto, opset: int) -> None:
        self.constants = {tensor.name: tensor for tensor in graph.initializer}
        self.producer = {name: node for node in graph.node for name in node.output}
        self.uses = Counter(name for node in graph.node for name in node.input)
        self.uses.update(output.name for output in graph.output)
        self._shapes = _shapes(graph, opset)

    def only_producer(self, name: str, kind: str) -> onnx.NodeProto | None:
        """The node of this kind that produces a tensor which no other node reads; else None."""
        node = self.producer.get(name)
        return node if node is not None and node.op_type == kind and self.uses[name] == 1 else None

    def constant(self, name: str) -> NDArray[Any] | None:
        """A constant's value; None if the tensor is no constant."""
        tensor = self.constants.get(name)
        return None if tensor is None else numpy_helper.to_array(tensor)

    def shape(self, name: str) -> Shape | None:
        """A tensor's shape; None if it is unknown."""
        return self._shapes.get(name)


def _shapes(graph: onnx.GraphProto, opset: int) -> dict[str, Shape]:
    imports = [helper.make_opsetid("", opset), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
    model = helper.make_model(graph, opset_imports=imports)
    try:
        inferred = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    except onnx.shape_inference.InferenceError as error:
        raise ConversionError(f"the exported graph is not valid ONNX ({str(error).splitlines()[0]})") from None
    shapes: dict[str, Shape] = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    for item in (*inferred.input, *inferred.value_info, *inferred.output):
        if item.type.tensor_type.HasField("shape"):
            axes = item.type.tensor_type.shape.dim
            shapes[item.name] = tuple(axis.dim_value if axis.HasField("dim_value") else None for axis in axes)
    return shapes


def _gemm(node: onnx.NodeProto, view: _View) -> onnx.NodeProto | None:
    """A sum or difference that contains one matrix product of rows with constant weights."""
    if node.op_type not in ("Add", "Sub"):
        return None
    places = (0, 1) if node.op_type == "Add" else (1,)  # Gemm cannot negate c, so a @ B - c stays
    for place in places:
        product, other = view.only_producer(node.input[place], "MatMul"), node.input[1 - place]
        if product is None or product.input[1] not in view.constants:
            continue
        rows, weights, added = view.shape(product.input[0]), view.shape(product.input[1]), view.shape(other)
        if not (rows and weights and added and len(rows) == len(weights) == 2 and rows[0] is None):
            continue
        if added in ((weights[1],), (None, weights[1])):
            alpha = -1.0 if node.op_type == "Sub" else 1.0
            return helper.make_node("Gemm", [*product.input, other], node.output, node.name, alpha=alpha)
    return None


def _clip(node: onnx.NodeProto, view: _View) -> onnx.NodeProto | None:
    """Max of a Min, each with one number."""
    if node.op_type != "Max" or len(node.input) != 2:
        return None
    inner = view.only_producer(node.input[0], "Min")
    if inner is None or len(inner.input) != 2:
        return None
    low, high = view.constant(node.input[1]), view.constant(inner.input[1])
    if low is None or high is None or low.shape or high.shape or low > high:
        return None
    return helper.make_node("Clip", [inner.input[0], node.input[1], inner.input[1]], node.output, node.name)


def _sum_of_squares(node: onnx.NodeProto, view: _View) -> onnx.NodeProto | None:
    if node.op_type != "ReduceSum":
        return None
    inner = view.producer.get(node.input[0])
    if inner is None or inner.op_type != "Mul" or len(set(inner.input)) != 1 or view.uses[node.input[0]] != 1:
        return None
    squares = helper.make_node("ReduceSumSquare", [inner.input[0], *node.input[1:]], node.output, node.name)
    squares.attribute.extend(node.attribute)
    return squares


def _plain_gather(node: onnx.NodeProto, view: _View) -> onnx.NodeProto | None:
    """A Gather without the index arithmetic that Keras adds: ONNX's Gather accepts negative indices itself.

    tf2onnx writes it as: negative * (index + length) + index * not negative, where negative = index < 0 as a number.
    """
    if node.op_type != "Gather":
        return None
    index = _index_behind(node.input[1], view)
    if index is None:
        return None
    plain = helper.make_node("Gather", [node.input[0], index], node.output, node.name)
    plain.attribute.extend(node.attribute)
    return plain


def _index_behind(name: str, view: _View) -> str | None:
    total = view.producer.get(name)
    if total is None or total.op_type != "Add":
        return None
    from_end, from_start = (view.producer.get(part) for part in total.input)
    if from_end is None or from_start is None or {from_end.op_type, from_start.op_type} != {"Mul"}:
        return None
    index = from_start.input[0]
    less = _path(from_end.input[0], ("Cast", "Less"), view)
    also = _path(from_start.input[1], ("Cast", "Not", "Less"), view)
    shifted = view.producer.get(from_end.input[1])
    if less is None or less is not also or shifted is None or shifted.op_type != "Add" or shifted.input[0] != index:
        return None
    bound = view.constant(less.input[1])
    tested = _path(less.input[0], ("Cast",), view)
    same = less.input[0] == index or (tested is not None and tested.input[0] == index)
    return index if same and bound is not None and not bound.any() else None


def _path(name: str, kinds: tuple[str, ...], view: _View) -> onnx.NodeProto | None:
    """Follow a chain of nodes of these kinds back from a tensor, and return its last node; None if it differs."""
    node = None
    for kind in kinds:
        node = view.producer.get(name)
        if node is None or node.op_type != kind:
            return None
        name = node.input[0]
    return node
