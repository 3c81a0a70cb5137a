"""Write TensorFlow's look-ups, bins and counts with what ONNX has; tf2onnx leaves or misreads them.

    LookupTableFindV2 ─▶ LabelEncoder          Bucketize(x) ─▶ how many boundaries are not above x
    Equal of text ─▶ LabelEncoder              DenseBincount(x) ─▶ x == 0, 1, 2 ..., added up by row

Tables are found by the resource that the function captured. Names of tables differ from one load to the next.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from onnx import TensorProto
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2
from tf2onnx.utils import make_name

from converter.onnx_graph import ML_DOMAIN


@dataclass(frozen=True, slots=True)
class Captured:
    """What a function captured, each by its name inside the function."""

    values: Mapping[str, NDArray[Any]]
    tables: Mapping[str, tuple[list[Any], list[int]]]
    """Words or integers, and the integer of each."""

    @classmethod
    def of(cls, concrete: Any) -> Captured:
        """Read the captured tensors and tables of a concrete function."""
        captures = {inside.name: outside for outside, inside in concrete.graph.captures}
        values = {name: np.array(item.numpy()) for name, item in captures.items() if item.dtype != tf.resource}
        variables = {id(variable.handle) for variable in concrete.graph.variables}
        others = [item for item in captures.values() if item.dtype == tf.resource and id(item) not in variables]
        return cls(values, _tables(concrete, captures) if others else {})


def _tables(concrete: Any, captures: Mapping[str, tf.Tensor]) -> dict[str, tuple[list[Any], list[int]]]:
    """The tables that are looked up, with functions inside of functions opened."""
    tables = {}
    frozen = convert_variables_to_constants_v2(concrete, lower_control_flow=False, aggressive_inlining=True)
    for operation in frozen.graph.get_operations():
        if operation.type != "LookupTableFindV2":
            continue
        table = operation.inputs[0]
        while table.op.type == "Identity":
            table = table.op.inputs[0]
        kinds = {"Tkeys": operation.get_attr("Tin"), "Tvalues": operation.get_attr("Tout")}
        if table.name in captures and kinds["Tvalues"] == tf.int64:
            keys, values = tf.raw_ops.LookupTableExportV2(table_handle=captures[table.name], **kinds)
            rows = sorted(zip(values.numpy().tolist(), keys.numpy().tolist(), strict=True))  # a table has no order
            tables[table.name] = ([key for _, key in rows], [value for value, _ in rows])
    return tables


def rewriter(captured: Captured) -> Callable[[Any, Any], Any]:
    """A rewriter for tf2onnx: it replaces the operations above wherever they are."""

    def rewrite(graph: Any, _operations: Any) -> Any:
        for node in list(graph.get_nodes()):
            rule = _RULES.get(node.type)
            if rule is not None:
                rule(graph, node, captured)
        return graph.get_nodes()

    return rewrite


def _look_up(graph: Any, node: Any, captured: Captured) -> None:
    table, default = captured.tables.get(_origin(node.inputs[0])), _value(node.inputs[2], captured)
    if table is None or default is None:
        return
    keys, values = table
    kind = "keys_strings" if graph.get_dtype(node.input[1]) == TensorProto.STRING else "keys_int64s"
    attributes = {kind: keys, "values_int64s": values, "default_int64": int(default)}
    _label_encoder(graph, node, node.input[1], attributes)


def _label_encoder(graph: Any, node: Any, source: str, attributes: dict[str, Any], to: int = TensorProto.INT64) -> None:
    """Replace a node by a LabelEncoder that gives `int64`, and a Cast where another type is needed."""
    outputs, shape = list(node.output), graph.get_shape(source)
    graph.remove_node(node.name)
    if "keys_int64s" in attributes:
        source = graph.make_node("Cast", [source], attr={"to": TensorProto.INT64}).output[0]
    last = to == TensorProto.INT64
    made = graph.make_node(
        "LabelEncoder",
        [source],
        attr=attributes,
        domain=ML_DOMAIN,
        outputs=outputs if last else None,
        shapes=[shape],
        dtypes=[TensorProto.INT64],
    )
    if not last:
        graph.make_node("Cast", made.output, attr={"to": to}, outputs=outputs, shapes=[shape], dtypes=[to])


def _equal_text(graph: Any, node: Any, captured: Captured) -> None:
    """Compare text with one word. ONNX compares text from operator set 19 on only."""
    if graph.get_dtype(node.input[0]) != TensorProto.STRING:
        return
    for source, other in ((0, 1), (1, 0)):
        word = _value(node.inputs[other], captured)
        if word is not None and np.size(word) == 1:
            attributes = {"keys_strings": [np.ravel(word)[0]], "values_int64s": [1], "default_int64": 0}
            _label_encoder(graph, node, node.input[source], attributes, TensorProto.BOOL)
            return


def _bins(graph: Any, node: Any, _captured: Captured) -> None:
    boundaries = np.array(node.get_attr("boundaries").floats, np.float32)
    source, outputs, shape = node.input[0], list(node.output), graph.get_shape(node.output[0])
    graph.remove_node(node.name)
    number = graph.make_node("Cast", [source], attr={"to": TensorProto.FLOAT}).output[0]
    below = _add(graph, "Less", [_with_axis(graph, number), _constant(graph, boundaries)])
    reached = _add(graph, "Cast", [_add(graph, "Not", [below])], to=TensorProto.INT32)  # NaN is in the last bin
    graph.make_node(
        "ReduceSum",
        [reached, _constant(graph, np.array([-1], np.int64))],
        attr={"keepdims": 0},
        outputs=outputs,
        shapes=[shape],
        dtypes=[TensorProto.INT32],
    )


def _counts(graph: Any, node: Any, captured: Captured) -> None:
    """How often each number occurs in a row, or whether it does."""
    size, kind = _fixed_size(node.inputs[1]), graph.get_dtype(node.output[0])
    weights = _value(node.inputs[2], captured)
    if size is None or weights is None or np.size(weights):
        return
    source, outputs, shape = node.input[0], list(node.output), graph.get_shape(node.output[0])
    binary = node.get_attr_value("binary_output", 0)
    graph.remove_node(node.name)
    number = graph.make_node("Cast", [source], attr={"to": TensorProto.INT64}).output[0]
    hit = _add(graph, "Equal", [_with_axis(graph, number), _constant(graph, np.arange(size, dtype=np.int64))])
    graph.make_node(
        "ReduceMax" if binary else "ReduceSum",
        [_add(graph, "Cast", [hit], to=kind), _constant(graph, np.array([-2], np.int64))],
        attr={"keepdims": 0},
        outputs=outputs,
        shapes=[shape],
        dtypes=[kind],
    )


def _fixed_size(node: Any) -> int | None:
    """A size that Keras writes as min(most, max(least, largest value + 1)) with `least` equal to `most`."""
    if node.is_const():
        return int(node.get_tensor_value(as_list=False))
    if node.type in ("Cast", "Identity"):
        return _fixed_size(node.inputs[0])
    if node.type not in ("Minimum", "Maximum"):
        return None
    sizes = [size for part in node.inputs if (size := _fixed_size(part)) is not None]
    if node.type == "Maximum":
        return max(sizes, default=None)
    return sizes[0] if len(sizes) == 2 and sizes[0] == sizes[1] else None


def _origin(node: Any) -> str:
    """The tensor that a chain of Identity begins with."""
    while node.type == "Identity":
        node = node.inputs[0]
    name: str = node.output[0]
    return name


def _value(node: Any, captured: Captured) -> Any:
    """The value of a constant or captured tensor; None if it is neither."""
    return node.get_tensor_value(as_list=False) if node.is_const() else captured.values.get(_origin(node))


def _add(graph: Any, kind: str, inputs: Sequence[str], **attributes: Any) -> str:
    output: str = graph.make_node(kind, list(inputs), attr=attributes).output[0]
    return output


def _with_axis(graph: Any, tensor: str) -> str:
    return _add(graph, "Unsqueeze", [tensor, _constant(graph, np.array([-1], np.int64))])


def _constant(graph: Any, value: NDArray[Any]) -> str:
    output: str = graph.make_const(make_name("constant"), value).output[0]
    return output


_RULES: dict[str, Callable[[Any, Any, Captured], None]] = {
    "LookupTableFindV2": _look_up,
    "Equal": _equal_text,
    "Bucketize": _bins,
    "DenseBincount": _counts,
}
