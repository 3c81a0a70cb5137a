"""Turn what a graph of another tool answers into the outputs of the artifact.

ZipMap, class labels in the tool's order ─▶ dropped, put into the contract's order ─▶ probabilities
logits, one probability, a margin         ─▶ softmax, sigmoid, [1 - p, p] ──────────▶ probabilities
a value, a score, a reconstruction        ─▶ (n,), compared with the numbers ───────▶ value, score, deviations
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from contract.artifact.contract import (
    DEVIATIONS_OUTPUT,
    NUMERIC_INPUT,
    PROBABILITIES_OUTPUT,
    SCORE_OUTPUT,
    VALUE_OUTPUT,
    ModelContract,
)
from contract.errors import ConversionError, shorten
from converter.adopt.inputs import MODEL_PREFIX, PREFIX
from converter.onnx_graph import artifact_outputs, reads

PROBABILITY_NODES = ("Softmax", "Sigmoid", "Normalizer", "TreeEnsembleClassifier", "LinearClassifier", "SVMClassifier")
PASSING = ("Identity", "Cast", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "ZipMap", "ArrayFeatureExtractor")
LOGIT_NODES = ("Gemm", "MatMul", "Add")
FLOATS = (TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16)


@dataclass(frozen=True, slots=True)
class _Head:
    """An output of the model that can be read as numbers."""

    name: str
    tensor: str
    classes: tuple[str, ...] = ()
    """The classes in the order of its columns, where the graph says it."""
    width: int | None = None
    """Columns; None if unknown."""


class _Back:
    """The nodes behind the model."""

    def __init__(self, opset: int) -> None:
        self._opset = opset
        self._number = 0
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def add(self, kind: str, inputs: Sequence[str], output: str | None = None, **attributes: Any) -> str:
        """Add a node; returns the name of its output."""
        self._number += 1
        name = output or f"{PREFIX}out_{self._number}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def constant(self, value: NDArray[Any]) -> str:
        """Add a constant; returns its name."""
        self._number += 1
        name = f"{PREFIX}const_{self._number}"
        self.constants.append(numpy_helper.from_array(value, name))
        return name

    def matrix(self, tensor: str, width: int) -> str:
        """As float32 of shape (n, width)."""
        number = self.add("Cast", [tensor], to=TensorProto.FLOAT)
        return self.add("Reshape", [number, self.constant(np.array([-1, width], np.int64))])

    def reduced(self, kind: str, tensor: str, output: str | None = None, *, keep: int = 0) -> str:
        """A reduction over the columns."""
        if self._opset >= 18:
            axes = self.constant(np.array([1], np.int64))
            return self.add(kind, [tensor, axes], output, keepdims=keep)
        return self.add(kind, [tensor], output, keepdims=keep, axes=[1])

    def flat(self, tensor: str, output: str) -> None:
        """As float32 of shape (n,)."""
        number = self.add("Cast", [tensor], to=TensorProto.FLOAT)
        self.add("Reshape", [number, self.constant(np.array([-1], np.int64))], output)


def add_outputs(graph: onnx.GraphProto, contract: ModelContract, *, opset: int, head: str | None = None) -> None:
    """Replace a graph's outputs by the task's, in place. The inputs are the artifact's already.

    Raises:
        ConversionError: the outputs do not fit the task; names both.
    """
    found = _chosen(list(_heads(graph)), head)
    back = _Back(opset)
    if contract.task == "classification":
        _probabilities(back, graph, found, contract)
    elif contract.score is not None and contract.score.measure != "score":
        _reconstruction(back, found, contract)
    else:
        if found.width not in (None, 1):
            raise ConversionError(
                f"the model's output {found.name!r} has {found.width} columns, and the task {contract.task!r} needs "
                f"one number a row; choose another with --head NAME"
            )
        back.flat(found.tensor, VALUE_OUTPUT if contract.task == "regression" else SCORE_OUTPUT)
    del graph.output[:]
    graph.output.extend(artifact_outputs(contract, {name for node in back.nodes for name in node.output}))
    graph.node.extend(back.nodes)
    graph.initializer.extend(back.constants)
    _drop_unused(graph)


def _heads(graph: onnx.GraphProto) -> Iterator[_Head]:
    """Outputs of floats, and the probabilities inside a ZipMap."""
    producer = {name: node for node in graph.node for name in node.output}
    for output in graph.output:
        name = output.name.removeprefix(MODEL_PREFIX)
        node = producer.get(output.name)
        if node is not None and node.op_type == "ZipMap":
            yield _Head(name, node.input[0], _classes(node), len(_classes(node)))
        elif output.type.tensor_type.elem_type in FLOATS:
            shape = output.type.tensor_type.shape.dim
            width = 1 if len(shape) == 1 else shape[-1].dim_value or None if len(shape) == 2 else None
            yield _Head(name, output.name, _classes_before(producer, node), width)


def _classes(node: onnx.NodeProto) -> tuple[str, ...]:
    for attribute in node.attribute:
        if attribute.name in ("classlabels_strings", "classlabels_int64s", "classlabels_ints"):
            words = [word.decode() for word in attribute.strings] or list(map(str, attribute.ints))
            if words:
                return tuple(words)
    return ()


def _classes_before(producer: dict[str, onnx.NodeProto], node: onnx.NodeProto | None) -> tuple[str, ...]:
    """The classes of the classifier whose answer an output is."""
    for _ in range(20):
        if node is None:
            return ()
        if found := _classes(node):
            return found
        node = producer.get(node.input[0]) if node.op_type in (*PASSING, *PROBABILITY_NODES) else None
    return ()


def _chosen(heads: list[_Head], head: str | None) -> _Head:
    names = ", ".join(each.name for each in heads)
    if not heads:
        raise ConversionError("the model has no output of floats; export it with its probabilities or its value")
    if head is not None:
        found = next((each for each in heads if each.name == head), None)
        if found is None:
            raise ConversionError(f"the model has no output {head!r} of floats; choose one of {names}")
        return found
    if len(heads) > 1:
        raise ConversionError(f"the model has {len(heads)} outputs of floats ({names}); choose one with --head NAME")
    return heads[0]


def _probabilities(back: _Back, graph: onnx.GraphProto, head: _Head, contract: ModelContract) -> None:
    n = len(contract.labels)
    width = head.width or len(head.classes) or n
    logits = _are_logits(graph, head)
    numbers = back.matrix(head.tensor, width)
    if contract.several_labels and width in (n, n - 1):
        shares = back.add("Sigmoid", [numbers]) if logits else numbers
        if width == n - 1:
            largest = back.reduced("ReduceMax", shares, keep=1)
            rest = back.add("Sub", [back.constant(np.array(1, np.float32)), largest])
            shares = back.add("Concat", [shares, rest], axis=1)
        back.add("Identity", [shares], PROBABILITIES_OUTPUT)
        return
    if n == 2 and width == 1:
        positive = back.add("Sigmoid", [numbers]) if logits else numbers
        negative = back.add("Sub", [back.constant(np.array(1, np.float32)), positive])
        back.add("Concat", [negative, positive], PROBABILITIES_OUTPUT, axis=1)
        return
    if width != n:
        raise ConversionError(
            f"the model's output {head.name!r} has {width} columns, and the contract has {n} labels; adopt it with the "
            f"contract that belongs to this model"
        )
    shares = back.add("Softmax", [numbers], axis=1) if logits else numbers
    order = _order(head, contract)
    if order == list(range(n)):
        back.add("Identity", [shares], PROBABILITIES_OUTPUT)
    else:
        back.add("Gather", [shares, back.constant(np.array(order, np.int64))], PROBABILITIES_OUTPUT, axis=1)


def limit_shares(graph: onnx.GraphProto) -> None:
    """Limit probabilities to 0 to 1, in place: sums over many trees are off by a rounding, such as -1e-7."""
    unlimited, bounds = f"{PREFIX}unlimited", (f"{PREFIX}zero", f"{PREFIX}one")
    for node in graph.node:
        node.output[:] = [unlimited if name == PROBABILITIES_OUTPUT else name for name in node.output]
    graph.node.append(helper.make_node("Clip", [unlimited, *bounds], [PROBABILITIES_OUTPUT]))
    graph.initializer.extend(
        numpy_helper.from_array(np.array(value, np.float32), name) for value, name in zip((0, 1), bounds, strict=True)
    )


def _order(head: _Head, contract: ModelContract) -> list[int]:
    """The column of each label: by the classes that the graph names, else in their order."""
    n = len(contract.labels)
    original = contract.training.get("label_words", {})
    wanted = [str(original.get(label.name, label.name)) for label in contract.labels]
    if not head.classes or head.classes == tuple(map(str, range(n))):
        return list(range(n))
    missing = [word for word in wanted if word not in head.classes]
    if missing:
        raise ConversionError(
            f"the model has no class {shorten(missing[0])}; name the contract's labels as its classes are named: "
            f"{', '.join(map(shorten, head.classes[:12]))}"
        )
    return [head.classes.index(word) for word in wanted]


def _are_logits(graph: onnx.GraphProto, head: _Head) -> bool:
    """Whether the numbers come from a linear layer, and not from something that makes shares of them."""
    producer = {name: node for node in graph.node for name in node.output}
    node = producer.get(head.tensor)
    while node is not None and node.op_type in PASSING:
        node = producer.get(node.input[0])
    return node is not None and node.op_type in LOGIT_NODES


def _reconstruction(back: _Back, head: _Head, contract: ModelContract) -> None:
    """Score and deviations of a reconstruction."""
    score = contract.score
    width = len(contract.numeric)
    if score is None or contract.categorical or head.width not in (None, width):
        raise ConversionError(
            f"the model's output {head.name!r} rebuilds {head.width} numbers, and the contract has {width} float "
            f"features and {len(contract.categorical)} string features; a reconstruction needs numbers alone"
        )
    named = score.compared_with != "raw"
    seen = back.matrix(f"{MODEL_PREFIX}{score.compared_with}", width) if named else NUMERIC_INPUT
    off = back.add("Abs", [back.add("Sub", [back.matrix(head.tensor, width), seen])], DEVIATIONS_OUTPUT)
    back.reduced("ReduceMean", back.add("Mul", [off, off]) if score.measure == "mse" else off, SCORE_OUTPUT)


def _drop_unused(graph: onnx.GraphProto) -> None:
    """Drop nodes and constants that no output needs, such as the ZipMap and the label's own output."""
    needed = {output.name for output in graph.output}
    kept: list[onnx.NodeProto] = []
    for node in reversed(list(graph.node)):
        if needed.intersection(node.output):
            kept.append(node)
            needed.update(reads(node))
    del graph.node[:]
    graph.node.extend(reversed(kept))
    constants = [tensor for tensor in graph.initializer if tensor.name in needed]
    del graph.initializer[:]
    graph.initializer.extend(constants)
    del graph.value_info[:]
