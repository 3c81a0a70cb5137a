"""Give any tabular Keras model the artifact's signature, with codes instead of words.

    numeric (n, n_numeric) float32 ┐
                                   ├─▶ as the model takes it ─▶ Keras model ─▶ converter.outputs ─▶ the task's outputs
    codes (n, n_categorical) int32 ┘

A model takes two inputs, `numeric` and `categorical`, or one input with a column for each feature in the contract's
order. A code is the word's place in the feature's vocabulary plus 1; 0 is a word outside the vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from contract.artifact.contract import (
    CATEGORICAL_INPUT,
    NUMERIC_INPUT,
    ModelContract,
)
from contract.errors import ConversionError
from converter.outputs import collector, shape_in_words, with_compared_layer

Signature = Callable[..., dict[str, tf.Tensor]]
Prepare = Callable[[dict[str, tf.Tensor]], Any]


def signature_of(model: keras.Model, contract: ModelContract, head: str | None = None) -> Signature:
    """A `tf.function` over the inputs that the contract has features for, by name.

    Args:
        model: the model.
        contract: its features and its task.
        head: which of several outputs to take, by name.
    Raises:
        ConversionError: the model's inputs or outputs do not fit the contract; names both.
    """
    prepare, collect = _prepare(model, contract), collector(model, contract, head)
    whole = with_compared_layer(model, contract)

    def answer(*tensors: tf.Tensor) -> dict[str, tf.Tensor]:
        inputs = prepare({spec.name: tensor for spec, tensor in zip(specs(contract), tensors, strict=True)})
        return collect(inputs, whole(inputs, training=False))

    function: Signature = tf.function(answer, input_signature=specs(contract), autograph=False)
    return function


def specs(contract: ModelContract) -> list[tf.TensorSpec]:
    """The inputs, `numeric` before `categorical`; leaves out one for which the contract has no feature."""
    inputs = []
    if contract.numeric:
        inputs.append(tf.TensorSpec([None, len(contract.numeric)], tf.float32, name=NUMERIC_INPUT))
    if contract.categorical:
        inputs.append(tf.TensorSpec([None, len(contract.categorical)], tf.int32, name=CATEGORICAL_INPUT))
    return inputs


def _prepare(model: keras.Model, contract: ModelContract) -> Prepare:
    tensors = getattr(model, "inputs", None)
    if not tensors:
        raise ConversionError(
            "the model has no inputs of a known shape; build it with keras.Input layers, call it once and save it again"
        )
    inputs = {tensor.name: tensor for tensor in tensors}
    for name, tensor in inputs.items():
        if not str(tensor.dtype).startswith(("float", "int", "uint")):
            raise ConversionError(
                f"the model's input {name!r} has type {tensor.dtype}, expected a number type: words are encoded as "
                f"their position in the vocabulary plus 1"
            )
    if len(inputs) == 1:
        ordered = _one_input(next(iter(inputs.values())), contract)
        return lambda named: _as_called(model, [ordered(named)])
    if set(inputs) != {NUMERIC_INPUT, CATEGORICAL_INPUT}:
        raise ConversionError(
            f"the model has the inputs {', '.join(inputs)}; expected `numeric` and `categorical`, or one input with "
            f"all {len(contract.features)} features"
        )
    _check_width(inputs[NUMERIC_INPUT], len(contract.numeric), "float features")
    _check_width(inputs[CATEGORICAL_INPUT], len(contract.categorical), "string features")
    return lambda named: _as_called(model, [tf.cast(named[name], tensor.dtype) for name, tensor in inputs.items()])


def _as_called(model: keras.Model, tensors: list[tf.Tensor]) -> Any:
    """Tensors in the form that the model expects: one tensor, a list or a dictionary."""
    return tensors[0] if isinstance(model, keras.Sequential) else keras.tree.pack_sequence_as(model.input, tensors)


def _one_input(tensor: Any, contract: ModelContract) -> Prepare:
    _check_width(tensor, len(contract.features), "features")
    places = {
        feature.name: (name, index)
        for name, features in ((NUMERIC_INPUT, contract.numeric), (CATEGORICAL_INPUT, contract.categorical))
        for index, feature in enumerate(features)
    }

    def prepare(named: dict[str, tf.Tensor]) -> tf.Tensor:
        cast = {name: tf.cast(value, tensor.dtype) for name, value in named.items()}
        if len(cast) == 1:
            return next(iter(cast.values()))
        both = tf.concat([cast[NUMERIC_INPUT], cast[CATEGORICAL_INPUT]], axis=1)
        offset = {NUMERIC_INPUT: 0, CATEGORICAL_INPUT: len(contract.numeric)}
        order = [offset[name] + index for name, index in (places[feature.name] for feature in contract.features)]
        return tf.gather(both, order, axis=1)

    return prepare


def _check_width(tensor: Any, expected: int, what: str) -> None:
    shape = tuple(tensor.shape)
    if len(shape) != 2 or shape[1] != expected:
        raise ConversionError(
            f"the model's input {tensor.name!r} has the shape {shape_in_words(shape)}, the contract has {expected} "
            f"{what}: "
            f"expected (n, {expected}); convert with the contract that belongs to this model"
        )
