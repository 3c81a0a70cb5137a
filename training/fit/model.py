"""The networks during training. Each works on vectors that are encoded once.

    numeric ─▶ log(1+x) ─▶ standardise ─▶ clip ─┐            ┌─▶ classifier    64 ─▶ 32 ─▶ logits of the labels
                                                ├─▶ encoded ─┼─▶ autoencoder   32 ─▶ 16 ─▶ 32 ─▶ decoded
    categorical ─▶ one-hot, code 0 is unseen ───┘            ├─▶ detector      64 ─▶ 32 ─▶ logit of "mixed"
                                                             └─▶ attacks       32 ─▶ 32 ─▶ logits of the labels

`training.fit.ensemble` joins them into the model that is shipped.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from contract.artifact.contract import CATEGORICAL_INPUT, NUMERIC_INPUT
from contract.kdd99.columns import LABELS
from training.data.encoding import LOGARITHMIC, Encoding

CLASSIFIER, DETECTOR = (64, 32), (64, 32)
AUTOENCODER = (32, 16, 32)
ATTACKS = (32, 32)
L2 = 1e-5
CLIP = 100.0
"""Values are clipped to this many standard deviations, so that any finite input gives a finite output."""


@dataclass(frozen=True)
class Networks:
    """The parts of the model. `training.fit.ensemble` joins them once they are trained."""

    encoding: Encoding
    encoder: keras.Model
    """[numeric (n, n_numeric), categorical (n, n_categorical)] -> (n, n_encoded)."""
    classifier: keras.Model
    """(n, n_encoded) -> logits (n, n_labels)."""
    autoencoder: keras.Model
    """(n, n_encoded) -> (n, n_encoded)."""
    detector: keras.Model
    """(n, n_encoded) -> logit (n, 1): the vector is mixed (`training.data.crossover`) and not real."""
    attacks: keras.Model
    """(n, n_encoded) -> logits (n, n_labels). Compare only the attacks': if the vector is an attack, which one?"""


def build(encoding: Encoding, n_labels: int = len(LABELS)) -> Networks:
    """Networks with fresh weights, which `keras.utils.set_random_seed` decides."""
    encoder = _encoder(encoding)
    width = encoder.output_shape[-1]
    return Networks(
        encoding,
        encoder,
        stack("classifier", width, (*CLASSIFIER, n_labels)),
        stack("autoencoder", width, (*AUTOENCODER, width)),
        stack("detector", width, (*DETECTOR, 1)),
        stack("attacks", width, (*ATTACKS, n_labels)),
    )


def inputs(encoding: Encoding) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """The two inputs of the encoder and of the shipped model."""
    return (
        keras.Input((len(encoding.numeric),), name=NUMERIC_INPUT, dtype="float32"),
        keras.Input((len(encoding.categorical),), name=CATEGORICAL_INPUT, dtype="int32"),
    )


def scaled(numeric: Any, encoding: Encoding) -> Any:
    """Logarithm where needed, then mean 0 and variance 1, clipped; shape (n, n_numeric) in and out.

    Computes the logarithm and the plain value of all columns and multiplies one of them by 0. Splitting and joining the
    columns would take ONNX Runtime longer.
    """
    logarithmic = np.isin(encoding.numeric, LOGARITHMIC)
    scale = 1 / np.sqrt(np.array(encoding.variance))
    of_counts, of_values = (np.where(chosen, scale, 0).astype(np.float32) for chosen in (logarithmic, ~logarithmic))
    offset = (-np.array(encoding.mean) * scale).astype(np.float32)
    counts = ops.log(ops.relu(numeric) + 1.0)  # tf2onnx has no Log1p
    return ops.clip(counts * of_counts + numeric * of_values + offset, -CLIP, CLIP)


def _encoder(encoding: Encoding) -> keras.Model:
    numeric, categorical = inputs(encoding)
    words = [
        ops.one_hot(ops.take(categorical, index, axis=1), len(vocabulary) + 1)
        for index, vocabulary in enumerate(encoding.vocabularies)
    ]
    encoded = ops.concatenate([scaled(numeric, encoding), *words], axis=1)
    return keras.Model([numeric, categorical], encoded, name="encoder")


def stack(name: str, width: int, units: tuple[int, ...]) -> keras.Model:
    """Dense layers, with a relu between them and none after the last."""
    encoded = keras.Input((width,))
    tensor = encoded
    for place, size in enumerate(units, 1):
        activation = "relu" if place < len(units) else None
        tensor = layers.Dense(size, activation=activation, kernel_regularizer=keras.regularizers.L2(L2))(tensor)
    return keras.Model(encoded, tensor, name=name)
