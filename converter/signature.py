"""Give any tabular Keras model the artifact's signature, with codes instead of words.

    numeric (n, n_numeric) float32 ┐                                            ┌─▶ probabilities (n, n_labels)
                                   ├─▶ as the model takes it ─▶ Keras model ─▶ ─┤
    codes (n, n_categorical) int32 ┘                                            └─▶ novelty (n,)

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
    NOVELTY_OUTPUT,
    NUMERIC_INPUT,
    PROBABILITIES_OUTPUT,
    ModelContract,
)
from contract.errors import ConversionError

Signature = Callable[..., dict[str, tf.Tensor]]
Prepare = Callable[[dict[str, tf.Tensor]], Any]


def signature_of(model: keras.Model, contract: ModelContract) -> Signature:
    """A `tf.function` over the inputs that the contract has features for, by name.

    Raises:
        ConversionError: the model's inputs or outputs do not fit the contract; names both.
    """
    prepare, collect = _prepare(model, contract), _collect(model, contract)

    def answer(*tensors: tf.Tensor) -> dict[str, tf.Tensor]:
        named = {spec.name: tensor for spec, tensor in zip(specs(contract), tensors, strict=True)}
        return collect(model(prepare(named), training=False))

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
            f"the model's input {tensor.name!r} has the shape {_shape(shape)}, the contract has {expected} {what}: "
            f"expected (n, {expected}); convert with the contract that belongs to this model"
        )


def _collect(model: keras.Model, contract: ModelContract) -> Callable[[Any], dict[str, tf.Tensor]]:
    structure = model.outputs if isinstance(model, keras.Sequential) else model.output
    if isinstance(structure, dict):
        names = list(structure)
    else:
        names = [PROBABILITIES_OUTPUT] if len(model.outputs) == 1 else list(model.output_names)
    outputs_by_name = dict(
        zip(names, structure.values() if isinstance(structure, dict) else model.outputs, strict=True)
    )
    wanted = 1 if contract.novelty_threshold is None else 2
    if len(outputs_by_name) != wanted:
        threshold = "has no novelty threshold" if wanted == 1 else "has a novelty threshold"
        raise ConversionError(
            f"the model has {len(outputs_by_name)} outputs and the contract {threshold}; expected {wanted} "
            f"({'probabilities' if wanted == 1 else 'probabilities and novelty'})"
        )
    order = sorted(names, key=lambda name: name != PROBABILITIES_OUTPUT) if PROBABILITIES_OUTPUT in names else names
    _check_outputs([tuple(outputs_by_name[name].shape) for name in order], contract)
    indices = [names.index(name) for name in order]

    def collect(answer: Any) -> dict[str, tf.Tensor]:
        flat = (
            list(answer.values())
            if isinstance(answer, dict)
            else answer
            if isinstance(answer, list | tuple)
            else [answer]
        )
        outputs = {PROBABILITIES_OUTPUT: tf.cast(flat[indices[0]], tf.float32)}
        if wanted == 2:
            outputs[NOVELTY_OUTPUT] = tf.reshape(tf.cast(flat[indices[1]], tf.float32), [-1])
        return outputs

    return collect


def _check_outputs(shapes: list[tuple[int | None, ...]], contract: ModelContract) -> None:
    if len(shapes[0]) != 2 or shapes[0][1] != len(contract.labels):
        raise ConversionError(
            f"the model's probabilities have the shape {_shape(shapes[0])}, the contract has "
            f"{len(contract.labels)} labels: "
            f"expected (n, {len(contract.labels)})"
        )
    if len(shapes) == 2 and shapes[1][1:] not in ((), (1,)):
        raise ConversionError(f"the model's novelty has the shape {_shape(shapes[1])}, expected (n,) or (n, 1)")


def _shape(shape: tuple[int | None, ...]) -> str:
    return f"({', '.join('n' if size is None else str(size) for size in shape)})"
