"""Give a graph the artifact's inputs, and feed its own inputs from them.

numeric (n, n_numeric)          ─▶ Gather, Cast ─────────▶ one input a feature, a matrix of a kind,
categorical (n, n_categorical)  ─▶ Gather, LabelEncoder ─▶ or one matrix of all, in the contract's order
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, compose, helper, numpy_helper

from contract.artifact.contract import CATEGORICAL_INPUT, NUMERIC_INPUT, Feature, ModelContract
from contract.errors import ConversionError
from converter.onnx_graph import BATCH, ML_DOMAIN

PREFIX, MODEL_PREFIX = "oversight_", "model_"
"""Of names that are added and of the model's own, so that they never meet."""
NUMBERS = (
    TensorProto.FLOAT,
    TensorProto.DOUBLE,
    TensorProto.FLOAT16,
    TensorProto.INT64,
    TensorProto.INT32,
    TensorProto.BOOL,
)


@dataclass(frozen=True, slots=True)
class _Input:
    """An input of the model."""

    name: str
    type: int
    shape: tuple[int | None, ...]

    @property
    def tensor(self) -> str:
        """Its name in the graph, where the model's names have a prefix."""
        return f"{MODEL_PREFIX}{self.name}"

    @property
    def width(self) -> int | None:
        """Columns; 1 for a tensor of rows alone; None if it is open."""
        return 1 if len(self.shape) == 1 else self.shape[1] if len(self.shape) == 2 else None


class _Front:
    """The nodes in front of the model."""

    def __init__(self, contract: ModelContract) -> None:
        self._contract = contract
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def columns(self, features: Sequence[Feature], target: _Input) -> None:
        """Feed an input with these features, in this order."""
        words = target.type == TensorProto.STRING
        parts = [
            self._column(feature, words=words, place=place, target=target) for place, feature in enumerate(features)
        ]
        joined = f"{PREFIX}{target.name}_joined" if len(parts) > 1 else parts[0]
        if len(parts) > 1:
            self.nodes.append(helper.make_node("Concat", parts, [joined], axis=1))
        self._shaped(joined, target, words=words)

    def _column(self, feature: Feature, *, words: bool, place: int, target: _Input) -> str:
        """A column of shape (n, 1): text for an input of text, else float32."""
        source, among = (
            (NUMERIC_INPUT, self._contract.numeric)
            if feature.kind == "float"
            else (CATEGORICAL_INPUT, self._contract.categorical)
        )
        index = self._constant(f"{target.name}_index_{place}", np.array([among.index(feature)], np.int64))
        column = f"{PREFIX}{target.name}_column_{place}"
        self.nodes.append(helper.make_node("Gather", [source, index], [column], axis=1))
        if words and feature.kind == "float":
            raise ConversionError(
                f"the model's input {target.name!r} takes text, and the feature {feature.name!r} is a float; write "
                f'"kind": "string" with its vocabulary'
            )
        if words or feature.kind == "float":
            return column
        codes, numbers = f"{column}_codes", f"{column}_numbers"
        self.nodes.append(
            helper.make_node(
                "LabelEncoder",
                [column],
                [codes],
                domain=ML_DOMAIN,
                keys_strings=list(feature.vocabulary),
                values_int64s=list(range(len(feature.vocabulary))),
                default_int64=-1,
            )
        )
        self.nodes.append(helper.make_node("Cast", [codes], [numbers], to=TensorProto.FLOAT))
        return numbers

    def _shaped(self, name: str, target: _Input, *, words: bool) -> None:
        """The last steps: the input's type and number of axes."""
        if not words and target.type != TensorProto.FLOAT:
            cast = f"{PREFIX}{target.name}_cast"
            self.nodes.append(helper.make_node("Cast", [name], [cast], to=target.type))
            name = cast
        if len(target.shape) == 1:
            shape = self._constant(f"{target.name}_shape", np.array([-1], np.int64))
            self.nodes.append(helper.make_node("Reshape", [name, shape], [target.tensor]))
        else:
            self.nodes.append(helper.make_node("Identity", [name], [target.tensor]))

    def _constant(self, name: str, value: NDArray[np.int64]) -> str:
        self.constants.append(numpy_helper.from_array(value, f"{PREFIX}{name}"))
        return f"{PREFIX}{name}"


def add_inputs(graph: onnx.GraphProto, contract: ModelContract) -> None:
    """Replace a graph's inputs by the artifact's, in place.

    Raises:
        ConversionError: an input has no features, or a feature has no input; names both.
    """
    constants = {tensor.name for tensor in graph.initializer}
    inputs = [_input(item) for item in graph.input if item.name not in constants]
    compose.add_prefix_graph(graph, MODEL_PREFIX, inplace=True)
    front = _Front(contract)
    for target, features in _wired(inputs, contract):
        front.columns(features, target)
    del graph.input[:]
    graph.input.extend(_artifact_inputs(contract))
    nodes = [*front.nodes, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    graph.initializer.extend(front.constants)


def _input(item: onnx.ValueInfoProto) -> _Input:
    tensor = item.type.tensor_type
    shape = tuple(
        axis.dim_value if axis.HasField("dim_value") and axis.dim_value > 0 else None for axis in tensor.shape.dim
    )
    if tensor.elem_type != TensorProto.STRING and tensor.elem_type not in NUMBERS:
        raise ConversionError(
            f"the model's input {item.name!r} has the type {TensorProto.DataType.Name(tensor.elem_type)}, expected "
            f"numbers or text"
        )
    if len(shape) not in (1, 2):
        raise ConversionError(
            f"the model's input {item.name!r} has {len(shape)} axes, expected rows, or rows and columns: a document is "
            f"a row"
        )
    return _Input(item.name, tensor.elem_type, shape)


def _wired(inputs: list[_Input], contract: ModelContract) -> list[tuple[_Input, Sequence[Feature]]]:
    """Which features each input gets."""
    by_name = {plain(feature.name): feature for feature in contract.features}
    if all(each.width in (1, None) and plain(each.name) in by_name for each in inputs):
        wired: list[tuple[_Input, Sequence[Feature]]] = [(each, [by_name[plain(each.name)]]) for each in inputs]
    elif len(inputs) == 1:
        wired = [(inputs[0], contract.features)]
    else:
        text = [each for each in inputs if each.type == TensorProto.STRING]
        numbers = [each for each in inputs if each.type != TensorProto.STRING]
        if len(text) > 1 or len(numbers) > 1:
            unknown = next(each.name for each in inputs if plain(each.name) not in by_name)
            raise ConversionError(
                f"the model's input {unknown!r} is no feature of the contract; call the features as the inputs are "
                f"called: {', '.join(each.name for each in inputs)}"
            )
        wired = [*((each, contract.categorical) for each in text), *((each, contract.numeric) for each in numbers)]
    for target, features in wired:
        if target.width not in (None, len(features)):
            raise ConversionError(
                f"the model's input {target.name!r} has {target.width} columns, and the contract has {len(features)} "
                f"features for it; adopt it with the contract that belongs to this model"
            )
    used = {feature.name for _, features in wired for feature in features}
    unused = [feature.name for feature in contract.features if feature.name not in used]
    if unused:
        raise ConversionError(
            f"the model has no input for {', '.join(unused[:5])}; leave them out of the contract: it has the inputs "
            f"{', '.join(each.name for each in inputs)}"
        )
    return wired


def plain(name: str) -> str:
    """A name as exporters write it: only letters, digits and `_`."""
    return "".join(letter if letter.isalnum() else "_" for letter in name).lower()


def _artifact_inputs(contract: ModelContract) -> list[onnx.ValueInfoProto]:
    return [
        helper.make_tensor_value_info(name, kind, [BATCH, len(features)])
        for name, kind, features in (
            (NUMERIC_INPUT, TensorProto.FLOAT, contract.numeric),
            (CATEGORICAL_INPUT, TensorProto.STRING, contract.categorical),
        )
        if features
    ]
