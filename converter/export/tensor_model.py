"""A model as the converter sees it, whatever file it comes from: named inputs, named outputs, one function.

Keras model ─▶ of_keras ─┐
                         ├─▶ TensorModel ─▶ traced ─▶ a `tf.function` of input_0, input_1, ...
SavedModel ──────────────┘
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from contract.artifact.contract import ModelContract
from contract.errors import ConversionError
from converter.export.outputs import Head, collector, heads_of, tensors_of, with_compared_layer
from converter.inputs.port import Port

Tensors = Sequence[tf.Tensor]


@dataclass(frozen=True, slots=True)
class TensorModel:
    """A model with the names that its author gave to inputs and outputs."""

    inputs: tuple[Port, ...]
    heads: list[Head]
    call: Callable[[Tensors], tuple[Any, Any]]
    """Takes a tensor for each input; returns the inputs as the model takes them, and its answer."""

    def traced(self, contract: ModelContract, head: str | None) -> Any:
        """A `tf.function` with a positional argument for each input, and the artifact's outputs.

        Raises:
            ConversionError: the model's outputs do not fit the task.
        """
        collect = collector(self.heads, contract, head)
        return self._traced(lambda *tensors: collect(*self.call(tensors)))

    def traced_bare(self) -> Any:
        """The same with the model's own outputs, for which no contract is needed."""
        return self._traced(
            lambda *tensors: {f"output_{place}": each for place, each in enumerate(tensors_of(self.call(tensors)[1]))}
        )

    def _traced(self, answer: Callable[..., dict[str, tf.Tensor]]) -> Any:
        specs = [tf.TensorSpec(port.shape, port.dtype, name=f"input_{place}") for place, port in enumerate(self.inputs)]
        return tf.function(answer, input_signature=specs, autograph=False)


def of_keras(model: keras.Model, contract: ModelContract | None = None) -> TensorModel:
    """A Keras model. Inputs have the names of their `Input` layers, which Keras also wants as keys of a dictionary.

    Args:
        model: the model.
        contract: may name a layer whose output is needed too.

    Raises:
        ConversionError: the model has no inputs of a known shape, or lacks the layer that the contract names.
    """
    tensors = getattr(model, "inputs", None)
    if not tensors:
        raise ConversionError(
            "the model has no inputs of a known shape; build it with keras.Input layers, call it once and save it again"
        )
    whole = model if contract is None else with_compared_layer(model, contract)

    def call(given: Tensors) -> tuple[Any, Any]:
        sequential = isinstance(model, keras.Sequential)
        inputs = given[0] if sequential else keras.tree.pack_sequence_as(model.input, list(given))
        return inputs, whole(inputs, training=False)

    ports = [Port(item.name, str(item.dtype), tuple(item.shape), _reader(model, item)) for item in tensors]
    return TensorModel(tuple(ports), heads_of(model), call)


def _reader(model: keras.Model, tensor: Any) -> str:
    """The first layer of the model that takes this input."""
    for layer in model.layers:
        for node in layer._inbound_nodes:
            if any(item is tensor for item in node.input_tensors):
                return f"{type(layer).__name__} {layer.name!r}"
    return ""
