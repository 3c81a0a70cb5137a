"""The model that is shipped: all trained networks in one. Raw values in, calibrated probabilities and a novelty out.

                                           ┌─▶ classifier ─▶ / temperature ─▶ softmax ──┐
    numeric ─────▶ scaled ─────┐           ├─▶ attacks ────▶ softmax of the attacks ────┴─▶ probabilities
                               ├─▶ encoded ┤
    categorical ─▶ one-hot ────┘           ├─▶ autoencoder ▶ error ─┐
                                           └─▶ detector ───▶ odds ──┴─▶ novelty

Where normal has more than half, from 0.6 on wholly, the second opinion shares out what is left among the attacks; P(normal)
stays: so neither the closest label nor an alert ever depends on it. Temperature and the mask of normal are folded into the
last layers' weights, and few, small operations are used, because the graph's speed is theirs.

All layers are Keras's own, so any Keras can load the saved model and no class of ours has to be at hand.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

from contract.artifact import NOVELTY_OUTPUT, PROBABILITIES_OUTPUT
from contract.kdd99 import LABELS, NORMAL
from training.encoding import Encoding
from training.model import Networks, inputs, scaled

MOST_ODDS = 30.0
"""Logarithm beyond which the detector's odds count as that far: their exponential stays well inside float32."""
NEVER = -60.0
"""A logit whose share is nothing beside any usual one; far below it the exponential would be a slow, denormal number."""
NORMAL_PLACE = [label.name for label in LABELS].index(NORMAL)


@dataclass(frozen=True)
class NoveltyScale:
    """What is usual, measured on normal vectors."""

    error: float
    """Reconstruction error that few of them exceed."""
    logit: float
    """Detector's logit that few of them exceed."""
    ratio: float = 1.0
    """The larger of the two, in these units, that few of them exceed: there the novelty is one half."""


def measure_scale(errors: NDArray[np.floating], logits: NDArray[np.floating], rate: float) -> NoveltyScale:
    """Error and logit that half of `rate` of these normal vectors exceed each, and the larger that `rate` exceed.

    Args:
        errors: shape (n,), reconstruction errors.
        logits: shape (n,), the detector's.
        rate: 0 to 1.
    """
    apart = NoveltyScale(float(np.quantile(errors, 1 - rate / 2)), float(np.quantile(logits, 1 - rate / 2)))
    both = np.maximum(errors / apart.error, np.exp(np.clip(logits - apart.logit, -MOST_ODDS, MOST_ODDS)))
    return dataclasses.replace(apart, ratio=float(np.quantile(both, 1 - rate)))


def join(networks: Networks, *, temperature: float, scale: NoveltyScale) -> keras.Model:
    """One model of the trained networks.

    Args:
        networks: trained.
        temperature: the classifier's logits are divided by it.
        scale: what is usual.
    """
    numeric, categorical = inputs(networks.encoding)
    encoded = ops.concatenate([scaled(numeric, networks.encoding), _one_hot(categorical, networks.encoding)], axis=1)
    classified = _run(networks.classifier, encoded, temperature)
    shared, decoded, logit = (
        _run(stack, encoded) for stack in (networks.attacks, networks.autoencoder, networks.detector)
    )
    probabilities = layers.Identity(name=PROBABILITIES_OUTPUT)(_second_opinion(classified, shared))
    error = ops.mean(ops.square(encoded - decoded), axis=1)
    odds = ops.exp(ops.clip(ops.squeeze(logit, axis=1) - scale.logit, -MOST_ODDS, MOST_ODDS))
    measured = ops.maximum(error * (1 / scale.error), odds)
    novelty = layers.Identity(name=NOVELTY_OUTPUT)(measured / (measured + scale.ratio))
    return keras.Model([numeric, categorical], [probabilities, novelty], name="oversight")


Layer = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Kernel (n_in, n_out) and bias (n_out,)."""


def _weights(stack: keras.Model) -> list[Layer]:
    return [tuple(layer.get_weights()) for layer in stack.layers if isinstance(layer, layers.Dense)]


def _run(stack: keras.Model, tensor: Any, temperature: float = 1.0) -> Any:
    """A network with weights of its own, its last layer divided by the temperature."""
    weights = _weights(stack)
    for kernel, bias in weights[:-1]:
        tensor = _dense(tensor, kernel, bias, "relu")
    kernel, bias = weights[-1]
    if stack.name == "attacks":
        kernel, bias = kernel.copy(), bias.copy()
        kernel[:, NORMAL_PLACE], bias[NORMAL_PLACE] = 0.0, NEVER
    return _dense(tensor, kernel / temperature, bias / temperature)


def _second_opinion(own_logits: Any, among_attacks: Any) -> Any:
    own, shares = ops.softmax(own_logits), ops.softmax(among_attacks)
    attacks = 1 - np.eye(1, len(LABELS), NORMAL_PLACE, dtype=np.float32)
    p_normal = own[:, NORMAL_PLACE : NORMAL_PLACE + 1]
    is_normal = ops.clip((p_normal - 0.5) * 10.0, 0.0, 1.0)  # no jump: two rows that differ by rounding stay close
    return own - own * (is_normal * attacks) + shares * (is_normal * (1.0 - p_normal))


def _dense(tensor: Any, kernel: NDArray[np.float32], bias: NDArray[np.float32], activation: str | None = None) -> Any:
    dense = layers.Dense(kernel.shape[1], activation=activation)
    found = dense(tensor)
    dense.set_weights([kernel, bias])
    return found


def _one_hot(categorical: Any, encoding: Encoding) -> Any:
    """One-hot vectors of all words side by side: ONNX Runtime compares faster than its OneHot writes."""
    equal = [
        ops.equal(categorical[:, index : index + 1], np.arange(len(vocabulary) + 1, dtype=np.int32)[None])
        for index, vocabulary in enumerate(encoding.vocabularies)
    ]
    return ops.cast(ops.concatenate(equal, axis=1), "float32")
