"""Small Keras models of another domain than networks, as users build them, and their contract."""

from __future__ import annotations

import keras
import numpy as np
from keras import layers, ops

from contract.artifact.contract import Feature, Label, ModelContract

COLOURS = ("gr\u00fcn", "red", "white")
BANKS = ("left", "right")

FEATURES = (
    Feature("depth_m", "river.depth_m", "float", minimum=0.0, maximum=12.0, background=2.0),
    Feature("colour", "river.colour", "string", vocabulary=COLOURS, background="red"),
    Feature("flow", "river.flow", "float", minimum=-3.0, maximum=5000.0, background=100.0),
    Feature("bank", "river.bank", "string", vocabulary=BANKS, background="left"),
    Feature("acidity", "river.acidity", "float"),
)
"""Floats and strings are mixed on purpose: the two inputs separate them, the single input keeps this order."""


def contract(features: tuple[Feature, ...] = FEATURES, *, threshold: float | None = None) -> ModelContract:
    return ModelContract(
        name="rivers",
        features=features,
        labels=(Label("calm", "calm", 0), Label("flood", "danger", 80), Label("drought", "danger", 40)),
        families=("calm", "danger"),
        novelty_threshold=threshold,
    )


def two_inputs(*, novelty: bool = False, n_labels: int = 3, n_words: int = 2, as_dict: bool = False) -> keras.Model:
    """Case a: `numeric` and `categorical`, adapted Normalization and embeddings."""
    keras.utils.set_random_seed(3)
    numeric = keras.Input((3,), name="numeric")
    categorical = keras.Input((n_words,), name="categorical", dtype="int32")
    scale = layers.Normalization()
    scale.adapt(np.random.default_rng(0).normal(50, 20, (200, 3)).astype(np.float32))
    words = layers.Flatten()(layers.Embedding(4, 3)(categorical))
    hidden = layers.Dense(8, activation="gelu")(layers.Concatenate()([scale(numeric), words]))
    outputs = {"probabilities": layers.Dense(n_labels, activation="softmax", name="probabilities")(hidden)}
    if novelty:
        outputs["novelty"] = layers.Dense(1, activation="sigmoid", name="novelty")(hidden)
    inputs = {"numeric": numeric, "categorical": categorical} if as_dict else [numeric, categorical]
    return keras.Model(inputs, outputs if as_dict else list(outputs.values()))


def one_input(width: int = 5, *, sequential: bool = True, n_labels: int = 3) -> keras.Model:
    """Case b: LabelEncoder codes beside raw numbers, Dense 45-45, as in many courses."""
    keras.utils.set_random_seed(4)
    stack = [
        layers.Dense(45, activation="relu"),
        layers.BatchNormalization(),
        layers.Dropout(0.3),
        layers.Dense(45, activation="relu"),
        layers.Dense(n_labels, activation="softmax"),
    ]
    if sequential:
        return keras.Sequential([keras.Input((width,)), *stack])
    inputs = tensor = keras.Input((width,), name="features")
    for layer in stack:
        tensor = layer(tensor)
    return keras.Model(inputs, tensor)


def ending_in(last: layers.Layer, width: int = 3) -> keras.Model:
    """A numeric model that ends in this layer."""
    keras.utils.set_random_seed(5)
    inputs = keras.Input((width,), name="numeric")
    return keras.Model(inputs, last(ops.tanh(inputs)))
