"""The Keras model: raw values in, calibrated probabilities and a novelty out.

    numeric ─▶ log(1+x) ─▶ standardise ─▶ clip ─┐            ┌─▶ 128 ─▶ 64 ─▶ logits ─▶ / temperature ─▶ softmax
                                                ├─▶ encoded ─┼─▶ 64 ─▶ 16 ─▶ 64 ─▶ decoded ─▶ error ─┐
    categorical ─▶ one-hot, code 0 is unseen ───┘            └─▶ 128 ─▶ 64 ─▶ real or mixed ─────────┴─▶ novelty

All layers are Keras's own, so any Keras can load the saved model and no class of ours has to be at hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
from keras import layers, ops

from contract.artifact import CATEGORICAL_INPUT, NOVELTY_OUTPUT, NUMERIC_INPUT, PROBABILITIES_OUTPUT
from contract.kdd99 import LABELS, NUMERIC
from training.encoding import LOGARITHMIC, Encoding

HIDDEN = (128, 64)
BOTTLENECK = (64, 16, 64)
MOST_ODDS = 30.0
"""Logarithm beyond which the detector's odds count as that far: their exponential stays well inside float32."""
L2 = 1e-5
CLIP = 100.0
"""Standard deviations beyond which a value counts as that far: any finite input gives a finite answer."""


@dataclass(frozen=True)
class Networks:
    """The parts of the model, joined by `join` once they are trained."""

    encoder: keras.Model
    """[numeric (n, 38), categorical (n, 3)] -> (n, n_encoded)."""
    classifier: keras.Model
    """(n, n_encoded) -> logits (n, n_labels)."""
    autoencoder: keras.Model
    """(n, n_encoded) -> (n, n_encoded)."""
    detector: keras.Model
    """(n, n_encoded) -> logit (n, 1) that a vector is mixed (`training.crossover`) and not real."""


@dataclass(frozen=True)
class NoveltyScale:
    """What is usual, measured on normal vectors."""

    error: float
    """Reconstruction error that few of them exceed."""
    logit: float
    """Detector's logit that few of them exceed."""
    ratio: float = 1.0
    """The larger of the two, in these units, that few of them exceed: there the novelty is one half."""


def build(encoding: Encoding, n_labels: int = len(LABELS)) -> Networks:
    """Networks with fresh weights; `keras.utils.set_random_seed` decides which."""
    encoder = _encoder(encoding)
    width = encoder.output_shape[-1]
    return Networks(
        encoder,
        _stack("classifier", width, (*HIDDEN, n_labels)),
        _stack("autoencoder", width, (*BOTTLENECK, width)),
        _stack("detector", width, (*HIDDEN, 1)),
    )


def ratio(networks: Networks, encoded: Any, scale: NoveltyScale) -> Any:
    """How many times the usual error or the usual odds a vector has, whichever is more; shape (n,)."""
    error = ops.mean(ops.square(encoded - networks.autoencoder(encoded)), axis=1)
    odds = ops.squeeze(networks.detector(encoded), axis=1) - scale.logit
    return ops.maximum(error / scale.error, ops.exp(ops.clip(odds, -MOST_ODDS, MOST_ODDS)))


def join(networks: Networks, *, temperature: float, scale: NoveltyScale) -> keras.Model:
    """One model of the trained parts.

    Args:
        networks: trained.
        temperature: the logits are divided by it.
        scale: what is usual.
    """
    numeric, categorical = _inputs()
    encoded = networks.encoder([numeric, categorical])
    logits = layers.Rescaling(1.0 / temperature, name="calibration")(networks.classifier(encoded))
    probabilities = layers.Softmax(name=PROBABILITIES_OUTPUT)(logits)
    measured = ratio(networks, encoded, scale)
    novelty = layers.Identity(name=NOVELTY_OUTPUT)(measured / (measured + scale.ratio))
    return keras.Model([numeric, categorical], [probabilities, novelty], name="oversight")


def _inputs() -> tuple[keras.KerasTensor, keras.KerasTensor]:
    return (
        keras.Input((len(NUMERIC),), name=NUMERIC_INPUT, dtype="float32"),
        keras.Input((3,), name=CATEGORICAL_INPUT, dtype="int32"),
    )


def _encoder(encoding: Encoding) -> keras.Model:
    numeric, categorical = _inputs()
    logarithmic = [NUMERIC.index(column) for column in LOGARITHMIC]
    linear = [index for index in range(len(NUMERIC)) if index not in logarithmic]
    order = [*logarithmic, *linear]
    counts = ops.log(1.0 + ops.relu(ops.take(numeric, logarithmic, axis=1)))  # tf2onnx knows no Log1p
    values = ops.concatenate([counts, ops.take(numeric, linear, axis=1)], axis=1)
    standardise = layers.Normalization(
        mean=[encoding.mean[index] for index in order], variance=[encoding.variance[index] for index in order]
    )
    words = [
        ops.one_hot(ops.take(categorical, index, axis=1), len(vocabulary) + 1)
        for index, vocabulary in enumerate(encoding.vocabularies)
    ]
    encoded = ops.concatenate([ops.clip(standardise(values), -CLIP, CLIP), *words], axis=1)
    return keras.Model([numeric, categorical], encoded, name="encoder")


def _stack(name: str, width: int, units: tuple[int, ...]) -> keras.Model:
    """Dense layers, relu between them and nothing after the last."""
    inputs = keras.Input((width,))
    tensor = inputs
    for place, size in enumerate(units, 1):
        activation = "relu" if place < len(units) else None
        tensor = layers.Dense(size, activation=activation, kernel_regularizer=keras.regularizers.L2(L2))(tensor)
    return keras.Model(inputs, tensor, name=name)
