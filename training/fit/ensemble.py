"""Join all trained networks into the model that is shipped: raw values in, calibrated probabilities and novelty out.

                                           ┌─▶ classifier ─▶ / temperature ─▶ softmax ──┐
    numeric ─────▶ scaled ─────┐           ├─▶ attacks ────▶ softmax of the attacks ────┼─▶ probabilities
                               ├─▶ encoded ┤                                            │
    categorical ─▶ one-hot ────┘           ├─▶ autoencoder ▶ error ─┐                   │
                                           └─▶ detector ───▶ odds ──┴─▶ novelty ────────┘

The second opinion acts only if normal has more than half, and fully from 0.6 on. It then divides the remaining
probability among the attacks. How much remains also depends on the novelty: for a row unlike anything in training,
normal keeps a little less than half, but still more than any single attack. So neither the second opinion nor the
novelty changes the closest label or an alert. The temperature and the mask of normal are folded into the last layers'
weights. The operations are few and small, because they decide the graph's speed.

All layers are Keras's own. So any Keras can load the saved model without our classes.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

from contract.artifact.contract import NOVELTY_OUTPUT, PROBABILITIES_OUTPUT
from contract.kdd99.columns import FAMILIES, LABELS
from training.data.encoding import NORMAL_NUMBER
from training.fit.merged_layers import Encoded, Layer, dense, product
from training.fit.model import Networks, inputs

MOST_ODDS = 30.0
"""Limit for the logarithm of the detector's odds: their exponential stays well inside float32."""
NEVER = -60.0
"""A logit whose share is negligible. Far below it the exponential would be a denormal number, which is slow."""
DOUBT = (0.5, 0.8)
"""The novelty above which normal loses probability, and the novelty from which on it keeps only `KEPT`."""
KEPT = 0.45
"""P(normal) of a row unlike anything in training: the attacks together are likelier, as the verdict `unknown` says."""
EVENLY = 0.5
"""Part of a family's share that is divided evenly among its labels: so no label gets more than 5/8 of it.

The largest possible probability of an attack is then 5/8 of 0.55, which is below `KEPT`.
"""


@dataclass(frozen=True)
class NoveltyScale:
    """What is usual, measured on normal vectors."""

    error: float
    """Reconstruction error that few of them exceed."""
    logit: float
    """Detector's logit that few of them exceed."""
    ratio: float = 1.0
    """The larger of error and odds, in these units, that few of them exceed. There the novelty is 0.5."""


def measure_scale(errors: NDArray[np.floating], logits: NDArray[np.floating], rate: float) -> NoveltyScale:
    """Measure the scale: `rate / 2` of the vectors exceed the error, as many the logit, and `rate` the larger of both.

    Args:
        errors: shape (n,), reconstruction errors.
        logits: shape (n,), the detector's logits.
        rate: 0 to 1.
    """
    apart = NoveltyScale(float(np.quantile(errors, 1 - rate / 2)), float(np.quantile(logits, 1 - rate / 2)))
    both = np.maximum(errors / apart.error, np.exp(np.clip(logits - apart.logit, -MOST_ODDS, MOST_ODDS)))
    return dataclasses.replace(apart, ratio=float(np.quantile(both, 1 - rate)))


def join(networks: Networks, *, temperature: float, scale: NoveltyScale) -> keras.Model:
    """Join the trained networks into one model.

    Args:
        networks: trained.
        temperature: divides the classifier's logits.
        scale: what is usual.
    """
    numeric, categorical = inputs(networks.encoding)
    encoded = Encoded(numeric, categorical, networks.encoding)
    novelty = layers.Identity(name=NOVELTY_OUTPUT)(_novelty(networks, encoded, scale))
    probable = _probabilities(networks, encoded, temperature, novelty)
    probabilities = layers.Identity(name=PROBABILITIES_OUTPUT)(probable)
    return keras.Model([numeric, categorical], [probabilities, novelty], name="oversight")


def _weights(stack: keras.Model) -> list[Layer]:
    return [tuple(layer.get_weights()) for layer in stack.layers if isinstance(layer, layers.Dense)]


def _run(encoded: Encoded, first: Layer, *others: Layer) -> Any:
    """Apply the layers, each followed by a relu."""
    tensor = ops.relu(encoded.times(first))
    for layer in others:
        tensor = dense(tensor, layer, "relu")
    return tensor


def _probabilities(networks: Networks, encoded: Encoded, temperature: float, novelty: Any) -> Any:
    *classifier, (kernel, bias) = _weights(networks.classifier)
    *attacks, last = _weights(networks.attacks)
    own = dense(_run(encoded, *classifier), (kernel / temperature, bias / temperature))
    shares = dense(_run(encoded, *attacks), _never_normal(last))
    return second_opinion(ops.softmax(own), ops.softmax(shares), novelty)


def _never_normal(layer: Layer) -> Layer:
    kernel, bias = (values.copy() for values in layer)
    kernel[:, NORMAL_NUMBER], bias[NORMAL_NUMBER] = 0.0, NEVER
    return kernel, bias


def second_opinion(own: Any, shares: Any, novelty: Any) -> Any:
    """Divide a part of P(normal) among the attacks. The closest label stays the one of `own`.

    Products spread P(normal) over all columns, because ONNX Runtime is slower with shape (n, 1).

    Args:
        own: shape (n, n_labels), the classifier's probabilities.
        shares: shape (n, n_labels), the second opinion's; 0 for normal.
        novelty: shape (n,).
    Returns:
        shape (n, n_labels).
    """
    attacks = (np.arange(len(LABELS)) != NORMAL_NUMBER).astype(np.float32)
    p_normal = np.outer(1 - attacks, np.ones_like(attacks)).astype(np.float32)
    more_than_half = dense(own, (10.0 * p_normal, np.full(len(LABELS), -5.0, np.float32)))
    is_normal = ops.clip(more_than_half, 0.0, 1.0)  # a ramp, no step: rows that differ by rounding stay close
    left = dense(own, (-p_normal, attacks))  # for attacks: what normal leaves; for normal: minus its own
    begin, end = DOUBT
    steps = np.full((1, len(LABELS)), 1 / (end - begin), np.float32)
    doubt = ops.clip(dense(ops.expand_dims(novelty, 1), (steps, -begin * steps[0])), 0.0, 1.0)
    lost = doubt * ops.subtract(attacks - np.float32(KEPT), left)  # the part of P(normal) above what it keeps
    takes = dense(shares, (_within_families(), attacks - 1))  # -1 for normal: it loses what the attacks gain
    return own - own * is_normal + takes * (is_normal * (left + lost))


def _within_families() -> NDArray[np.float32]:
    """A matrix for the labels' shares: divides a part of each family's sum evenly among its labels."""
    family = np.array([FAMILIES.index(label.family) for label in LABELS])
    same = (family[:, None] == family[None]).astype(np.float32)
    evenly: NDArray[np.float32] = EVENLY * same / same.sum(axis=0) + (1 - EVENLY) * np.eye(
        len(LABELS), dtype=np.float32
    )
    evenly[NORMAL_NUMBER] = 0
    return evenly


def _novelty(networks: Networks, encoded: Encoded, scale: NoveltyScale) -> Any:
    *coder, before_last, decoder = _weights(networks.autoencoder)
    *detector, (kernel, bias) = _weights(networks.detector)
    error = _squared_error(encoded, _run(encoded, *coder, _and_one(before_last)), np.vstack(decoder))
    logit = dense(_run(encoded, *detector), (kernel, bias - np.float32(scale.logit)))
    odds = ops.exp(ops.clip(ops.squeeze(logit, axis=1), -MOST_ODDS, MOST_ODDS))
    width = networks.encoder.output_shape[-1]
    measured = ops.maximum(error * (1 / (width * scale.error)), odds)
    return measured / (measured + scale.ratio)


def _and_one(layer: Layer) -> Layer:
    """The layer with one more output that is always 1, so that the next layer's bias becomes a row of its kernel."""
    kernel, bias = layer
    return np.pad(kernel, ((0, 0), (0, 1))), np.append(bias, np.float32(1))


def _squared_error(encoded: Encoded, decoding: Any, kernel: NDArray[np.float32]) -> Any:
    """Sum over all columns of (encoded - decoded)^2, where decoded is `decoding @ kernel`.

    For the longest vocabulary, one-hot e and d = h @ K: |e - d|^2 = |d|^2 - 2 e.d + 1 = h.(K K' h - 2 K e) + 1. So
    neither
    e nor d is written out. h ends in a 1, which adds the last term.
    """
    near, far = kernel[:, encoded.near], kernel[:, encoded.far]
    one = np.eye(1, len(kernel), len(kernel) - 1, dtype=np.float32)
    apart = encoded.rows - product(decoding, near)
    both = product(decoding, far @ far.T) + encoded.look_up(one - 2 * far.T)
    return ops.sum(ops.square(apart), axis=1) + ops.sum(decoding * both, axis=1)
