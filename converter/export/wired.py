"""Export a model, and find out which features its inputs take.

Keras model or SavedModel ─▶ TensorModel ─▶ tf.function ─▶ ONNX graph of the model alone ─┐
preprocessing (ONNX), if there is one ─────────────────────────────────────────────────── ├─▶ Wired
contract, --input, --codes-from ──────────────────────────────────────────────────────────┘
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
import onnx
import tensorflow as tf
import tf2onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from contract.artifact.contract import ModelContract
from contract.errors import ConversionError
from converter.export.fuse import fuse
from converter.export.layers import FOREIGN, refuse_layers
from converter.export.rewrite import rewrite
from converter.export.tensor_model import TensorModel, of_keras
from converter.export.tensorflow_operations import Captured, rewriter
from converter.inputs.codes import uses_of, wiring_of
from converter.inputs.feed import feed
from converter.inputs.look_ups import LookUps
from converter.inputs.preprocess import Preprocess
from converter.inputs.wiring import Choices, Wiring, columns_of
from converter.onnx_graph import ML_DOMAIN, ML_OPSET, OPSET, nodes_of
from converter.rows import Rows

CANNOT_RUN = (
    tf.errors.OpError,
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    IndexError,
    NotImplementedError,
    RuntimeError,
)
"""What Keras and TensorFlow raise where a model does not run; their own classes derive from these."""


@dataclass(frozen=True)
class Wired:
    """A model with its exported graph and the features of its inputs."""

    function: Callable[..., dict[str, tf.Tensor]]
    """The model itself. It takes a tensor for each of its inputs."""
    core: onnx.GraphProto
    """The model alone; its inputs are `input_0`, `input_1` and so on."""
    wiring_of: Callable[[ModelContract], Wiring]
    """The wiring of the model's inputs, or of the preprocessing's where there is one, for a contract."""
    wiring: Wiring
    """For the contract that the model was exported with."""
    preprocess: Preprocess | None = None

    def rewired(self, contract: ModelContract) -> Wired:
        """The same model for a contract with features or words in another order.

        Raises:
            ConversionError: it does not fit.
        """
        return replace(self, wiring=self.wiring_of(contract))

    def run(self, rows: Rows, contract: ModelContract) -> dict[str, NDArray[Any]]:
        """The outputs of the model itself for these rows.

        Raises:
            ConversionError: the model fails on them.
        """
        arrays = feed(rows, self.wiring, contract)
        if self.preprocess is not None:
            arrays = self.preprocess.run(arrays)
        try:
            return {name: tensor.numpy() for name, tensor in self.function(*map(tf.constant, arrays)).items()}
        except CANNOT_RUN as error:
            raise ConversionError(
                f"the model fails on {len(rows)} rows ({first_line(error)}); check that vocabulary, ranges and codes "
                f"in the contract are those of the training"
            ) from None


def wire(
    model: keras.Model | TensorModel,
    contract: ModelContract,
    choices: Choices = Choices(),  # noqa: B008 - it is frozen
    preprocess: Preprocess | None = None,
    *,
    head: str | None = None,
) -> Wired:
    """Export a model and match its inputs with the contract's features.

    Args:
        model: the model.
        contract: its features and its task.
        choices: what only the author of the model knows.
        preprocess: a graph between the features and the model.
        head: which of several outputs to take, by name.

    Raises:
        ConversionError: model and contract do not fit, or the model uses what ONNX does not have.
    """
    if not isinstance(model, TensorModel):
        refuse_layers(model)
        model = of_keras(model, contract)
    elif contract.score is not None and contract.score.measure != "score" and contract.score.compared_with != "raw":
        raise ConversionError(
            f"`score.compared_with` is {contract.score.compared_with!r}, and a SavedModel has no layers by name; "
            f"convert the .keras file, or write `raw`"
        )
    function = model.traced(contract, head)
    inputs, graph = model.inputs, None
    if preprocess is not None:
        preprocess.check_outputs(model.inputs)
        inputs, graph = preprocess.inputs, preprocess.graph
    else:
        columns_of(inputs, contract, choices)  # before the export, which takes seconds
    core = exported(function)
    uses = uses_of(core if graph is None else graph)
    names = [f"input_{place}" for place in range(len(inputs))] if graph is None else [item.name for item in graph.input]

    def of_contract(wanted: ModelContract) -> Wiring:
        return wiring_of(inputs, [uses.get(name) for name in names], wanted, choices)

    return Wired(function, core, of_contract, of_contract(contract), preprocess)


def look_ups(model: keras.Model | TensorModel) -> LookUps:
    """What the model looks up first in each of its inputs, found in the same graph that an artifact gets.

    Raises:
        ConversionError: the model cannot be called, or uses what ONNX does not have.
    """
    if not isinstance(model, TensorModel):
        refuse_layers(model)
        model = of_keras(model)
    uses = uses_of(exported(model.traced_bare()))
    return LookUps(model.inputs, tuple(uses.get(f"input_{place}") for place in range(len(model.inputs))))


def exported(function: Any) -> onnx.GraphProto:
    """The model alone, as tf2onnx writes it, with the constants that tf2onnx mistakes for inputs.

    Args:
        function: a `tf.function` whose inputs are named `input_0`, `input_1` and so on.
    Raises:
        ConversionError: the model cannot be called, or uses what ONNX does not have.
    """
    with _in_quiet():
        try:
            concrete = function.get_concrete_function()
        except CANNOT_RUN as error:
            raise ConversionError(f"the model cannot be called with its own inputs ({first_line(error)})") from None
        captured = Captured.of(concrete)
        converted, _ = tf2onnx.convert.from_function(
            function,
            input_signature=function.input_signature,
            opset=OPSET,
            extra_opset=[helper.make_opsetid(ML_DOMAIN, ML_OPSET)],
            custom_rewriter=[rewriter(captured)],
        )
    graph: onnx.GraphProto = converted.graph
    inputs = [item for item in graph.input if item.name.startswith("input_")]  # the others are constants
    del graph.input[:]
    graph.input.extend(inputs)
    rewrite(graph)
    _refuse_missing(graph)
    used = {name for node in nodes_of(graph) for name in node.input}
    for name, value in captured.values.items():
        if name in used:
            graph.initializer.append(numpy_helper.from_array(_plain(value), name))
    fuse(graph, OPSET)
    return graph


@contextmanager
def _in_quiet() -> Iterator[None]:
    """Silence what the libraries log. Our error message contains the warnings of tf2onnx."""
    levels = {"tf2onnx": logging.CRITICAL, "tensorflow": logging.ERROR}
    before = {name: logging.getLogger(name).level for name in levels}
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    try:
        yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)


def _plain(value: NDArray[Any]) -> NDArray[Any]:
    return value.astype(object) if value.dtype.kind == "S" else np.asarray(value)


def _refuse_missing(graph: onnx.GraphProto) -> None:
    known = {schema.name for schema in onnx.defs.get_all_schemas()}
    missing = sorted({node.op_type for node in nodes_of(graph) if node.op_type not in known})
    if missing:
        named = [f"{name} ({FOREIGN[name]})" if name in FOREIGN else name for name in missing]
        raise ConversionError(
            f"the model uses operations that ONNX does not have: {', '.join(named)}; replace them with other operations"
        )


def first_line(error: Exception) -> str:
    """A library's reason on one line. TensorFlow puts the place before it, Keras the layer."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    reasons = [line for line in lines if not line.startswith(("Graph execution error", "Detected at", "File "))]
    return (reasons or [type(error).__name__])[0][:200]
