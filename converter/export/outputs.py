"""Turn what a Keras model answers into the outputs of the artifact, whatever the task.

softmax, logits, a sigmoid, several sigmoids ─▶ probabilities (n, n_labels) and, if there is one, novelty (n,)
a number                                     ─▶ value (n,)
a reconstruction, or a score                 ─▶ score (n,) and, if it has a column a feature, deviations
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from contract.artifact.contract import (
    DEVIATIONS_OUTPUT,
    NOVELTY_OUTPUT,
    PROBABILITIES_OUTPUT,
    SCORE_OUTPUT,
    VALUE_OUTPUT,
    ModelContract,
    ScoreOutput,
)
from contract.errors import ConversionError
from converter.inputs.port import Shape, shape_in_words

Collect = Callable[[Any, Any], dict[str, tf.Tensor]]
"""Makes the artifact's outputs from the inputs that the model got and its answer."""
PASSING = ("Activation", "Identity", "Dropout", "Reshape", "Flatten")
"""Layers after which an output is still what it was before, if their activation is linear."""


@dataclass(frozen=True, slots=True)
class Head:
    """One output of a model."""

    name: str
    shape: Shape
    """None for the rows."""
    activation: str | None
    """`softmax`, `sigmoid` or `linear`; None if it is something else."""


def with_compared_layer(model: keras.Model, contract: ModelContract) -> keras.Model:
    """The model, with the output of the layer that its reconstruction is compared with as a further output.

    Raises:
        ConversionError: there is no such layer.
    """
    score = contract.score
    if score is None or score.measure == "score" or score.compared_with == "raw":
        return model
    names = [layer.name for layer in model.layers]
    if score.compared_with not in names:
        raise ConversionError(
            f"`score.compared_with` is {score.compared_with!r}, and the model has no such layer; write `raw` or one of "
            f"{', '.join(names)}"
        )
    compared = model.get_layer(score.compared_with).output
    structure = model.outputs[0] if isinstance(model, keras.Sequential) else model.output
    inputs = model.inputs[0] if isinstance(model, keras.Sequential) else model.input
    return keras.Model(inputs, {"answer": structure, "compared": compared})


def collector(heads: list[Head], contract: ModelContract, head: str | None = None) -> Collect:
    """How to make the artifact's outputs from the answer of the model itself, without `with_compared_layer`.

    Args:
        heads: the model's outputs.
        contract: names the task.
        head: which of several outputs to take, by name.
    Raises:
        ConversionError: the model's outputs do not fit the task; names both.
    """
    if head is not None and head not in [each.name for each in heads]:
        raise ConversionError(f"the model has no output {head!r}; choose one of {_names(heads)}")
    if contract.task == "classification" and head is None:
        return _probabilities(heads, contract)
    chosen = next((each for each in heads if each.name == head), heads[0])
    if head is None and len(heads) != 1:
        raise ConversionError(f"the model has {len(heads)} outputs ({_names(heads)}); choose one with --head NAME")
    place = heads.index(chosen)
    if contract.task == "classification":
        make = _probability_maker(chosen, contract)
        return lambda _, answer: {PROBABILITIES_OUTPUT: make(tensors_of(answer)[place])}
    if contract.score is not None and contract.score.measure != "score":
        return _deviations(chosen, place, contract, contract.score)
    _check_number(chosen, contract)
    name = VALUE_OUTPUT if contract.task == "regression" else SCORE_OUTPUT
    return lambda _, answer: {name: tf.reshape(tf.cast(tensors_of(answer)[place], tf.float32), [-1])}


def heads_of(model: keras.Model) -> list[Head]:
    """The outputs of a Keras model."""
    structure = model.outputs if isinstance(model, keras.Sequential) else model.output
    if isinstance(structure, dict):
        named = list(structure.items())
    else:
        names = [PROBABILITIES_OUTPUT] if len(model.outputs) == 1 else list(model.output_names)
        named = list(zip(names, model.outputs, strict=True))
    return [Head(name, tuple(tensor.shape), _activation(tensor)) for name, tensor in named]


def tensors_of(answer: Any) -> list[tf.Tensor]:
    """The tensors of a model's answer, in the order of its outputs."""
    if isinstance(answer, dict):
        return list(answer.values())
    return list(answer) if isinstance(answer, list | tuple) else [answer]


def _probabilities(heads: list[Head], contract: ModelContract) -> Collect:
    wanted = 1 if contract.novelty_threshold is None else 2
    if len(heads) != wanted:
        threshold = "has no novelty threshold" if wanted == 1 else "has a novelty threshold"
        raise ConversionError(
            f"the model has {len(heads)} outputs ({_names(heads)}) and the contract {threshold}; expected {wanted} "
            f"({'probabilities' if wanted == 1 else 'probabilities and novelty'}), or choose one with --head NAME"
        )
    places = sorted(range(len(heads)), key=lambda place: heads[place].name != PROBABILITIES_OUTPUT)
    if PROBABILITIES_OUTPUT not in [head.name for head in heads]:
        places = list(range(len(heads)))
    make = _probability_maker(heads[places[0]], contract)
    if wanted == 2 and heads[places[1]].shape[1:] not in ((), (1,)):
        raise ConversionError(
            f"the model's novelty has the shape {shape_in_words(heads[places[1]].shape)}, expected (n,) or (n, 1)"
        )

    def collect(_: Any, answer: Any) -> dict[str, tf.Tensor]:
        flat = tensors_of(answer)
        outputs = {PROBABILITIES_OUTPUT: make(flat[places[0]])}
        if wanted == 2:
            outputs[NOVELTY_OUTPUT] = tf.reshape(tf.cast(flat[places[1]], tf.float32), [-1])
        return outputs

    return collect


def _probability_maker(head: Head, contract: ModelContract) -> Callable[[tf.Tensor], tf.Tensor]:
    """How to make probabilities, one a label, from an output."""
    n, width = len(contract.labels), head.shape[1] if len(head.shape) == 2 else None
    if contract.several_labels:
        if width not in (n, n - 1):
            raise _misfit(head, contract, f"(n, {n - 1}), or (n, {n}) where it has an output for the last label too")
        return lambda output: _several(_through(output, head, tf.math.sigmoid), add_last=width == n - 1)
    if n == 2 and (width == 1 or len(head.shape) == 1):
        return lambda output: _two(output, head)
    if width != n:
        raise _misfit(head, contract, f"(n, {n})")
    if head.activation == "sigmoid":
        raise ConversionError(
            f"the model's {n} outputs end in a sigmoid each, so several labels may hold; write "
            f'"several_labels": true into the contract, or end the model with a softmax'
        )
    return lambda output: _through(output, head, tf.nn.softmax)


def _misfit(head: Head, contract: ModelContract, expected: str) -> ConversionError:
    return ConversionError(
        f"the model's {head.name} have the shape {shape_in_words(head.shape)}, the contract has "
        f"{len(contract.labels)} labels: expected {expected}"
    )


def _through(output: tf.Tensor, head: Head, function: Callable[[tf.Tensor], tf.Tensor]) -> tf.Tensor:
    """Probabilities as float32: of logits by this function, of anything else as they are."""
    numbers = tf.cast(output, tf.float32)
    return function(numbers) if head.activation == "linear" else numbers


def _two(output: tf.Tensor, head: Head) -> tf.Tensor:
    """Probabilities of both labels from one sigmoid or its logit.

    `1 - p` has no digits left where p rounds to 1, and reasons need them. So both come from the logit where it is
    known; a softmax of (0, logit) is the same function.
    """
    logit = output if head.activation == "linear" else _before_sigmoid(output)
    if logit is None:
        positive = tf.reshape(tf.cast(output, tf.float32), [-1, 1])
        return tf.concat([1.0 - positive, positive], axis=1)
    column = tf.reshape(tf.cast(logit, tf.float32), [-1, 1])
    return tf.nn.softmax(tf.pad(column, [[0, 0], [1, 0]]))


def _before_sigmoid(output: tf.Tensor) -> tf.Tensor | None:
    """What a sigmoid got, if the output comes from one in the graph that is being traced."""
    operation = getattr(output, "op", None)
    while operation is not None and operation.type in ("Identity", "Reshape", "Squeeze", "Cast"):
        operation = operation.inputs[0].op
    return operation.inputs[0] if operation is not None and operation.type == "Sigmoid" else None


def _several(probabilities: tf.Tensor, *, add_last: bool) -> tf.Tensor:
    if not add_last:
        return probabilities
    return tf.concat([probabilities, 1.0 - tf.reduce_max(probabilities, axis=1, keepdims=True)], axis=1)


def _check_number(head: Head, contract: ModelContract) -> None:
    if head.shape[1:] in ((), (1,)):
        return
    what = "a value" if contract.task == "regression" else "a score"
    advice = (
        "end the model with Dense(1)"
        if contract.task == "regression"
        else 'write "measure": "mse" into the contract\'s `score` if the output is a reconstruction'
    )
    raise ConversionError(
        f"the model's output {head.name!r} has the shape {shape_in_words(head.shape)}, and {what} is one number a "
        f"row; {advice}"
    )


def _deviations(head: Head, place: int, contract: ModelContract, score: ScoreOutput) -> Collect:
    """How to compare a reconstruction with what it reconstructs."""
    named = score.compared_with != "raw"

    def collect(inputs: Any, answer: Any) -> dict[str, tf.Tensor]:
        compared = answer["compared"] if named else inputs
        rebuilt = tensors_of(answer["answer"] if named else answer)[place]
        flat = [tf.cast(each, tf.float32) for each in keras.tree.flatten(compared)]
        if len(flat) != 1 or flat[0].shape[1:] != rebuilt.shape[1:]:
            shapes = ", ".join(shape_in_words(tuple(each.shape)) for each in flat)
            raise ConversionError(
                f"the model's reconstruction has the shape {shape_in_words(head.shape)}, and is compared with "
                f"{score.compared_with!r} of the shape {shapes}; name the layer whose output it reconstructs in "
                f"`score.compared_with`"
            )
        off = tf.abs(flat[0] - tf.cast(rebuilt, tf.float32))
        each = off * off if score.measure == "mse" else off
        outputs = {SCORE_OUTPUT: tf.reduce_mean(tf.reshape(each, [-1, _width(off)]), axis=1)}
        if not contract.categorical and tuple(off.shape[1:]) == (len(contract.numeric),):
            outputs[DEVIATIONS_OUTPUT] = off
        return outputs

    return collect


def _width(tensor: tf.Tensor) -> int:
    width = 1
    for size in tensor.shape[1:]:
        width *= int(size)
    return width


def _activation(tensor: Any) -> str | None:
    """The activation that a Keras tensor went through last."""
    operation = tensor._keras_history.operation
    while isinstance(operation, keras.Model):  # a model as a layer of another
        tensor = operation.outputs[tensor._keras_history.tensor_index]
        operation = tensor._keras_history.operation
    kind = type(operation).__name__
    if kind in ("Softmax", "Sigmoid"):
        return kind.lower()
    function = getattr(operation, "activation", None)
    name = getattr(function, "__name__", None)
    if kind in PASSING and name in (None, "linear"):
        before = keras.tree.flatten(operation._inbound_nodes[0].input_tensors)
        return _activation(before[0]) if before else None
    if name in ("softmax", "sigmoid"):
        return str(name)
    return "linear" if function is not None and name == "linear" else None


def _names(heads: list[Head]) -> str:
    return ", ".join(head.name for head in heads)
