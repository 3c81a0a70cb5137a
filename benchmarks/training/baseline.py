"""Train the naive model that every tutorial builds, to compare ours with it.

    all rows ─▶ random 80 / 20 ─▶ words as numbers, nothing scaled ─▶ Dense 45-45-23, Adam, 20 epochs ─▶ softmax

It is built as the tutorials build it, including their leak: three in four held-out rows have a twin in training. So it
is measured on its own hold-out, and also on the distinct held-out rows that training did not see.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from numpy.typing import NDArray

from training.data.encoding import NAMES, codes
from training.data.records import Records
from training.evaluation.evaluate import Predictions
from training.fit.loop import Progress

BATCH = 8_192


@dataclass(frozen=True)
class AnchorRecipe:
    """The recipe of the tutorials."""

    epochs: int = 20
    batch_size: int = 128
    learning_rate: float = 1e-3
    hidden: tuple[int, ...] = (45, 45)
    held_out: float = 0.2


@dataclass(frozen=True)
class Anchor:
    """A trained naive model, with the rows that it was not trained on."""

    model: keras.Model
    vocabularies: tuple[tuple[str, ...], ...]
    held_out: Records
    """Its 20 % of all rows; most have a twin in training."""
    not_leaked: Records
    """The distinct held-out records without a twin in training, each counted once."""

    def predict(self, records: Records) -> Predictions:
        """Probabilities of the 23 labels; it measures no novelty."""
        values = _values(records, self.vocabularies)
        return Predictions(self.model.predict(values, batch_size=BATCH, verbose=0), np.zeros(len(records), np.float32))


def train_anchor(records: Records, seed: int, recipe: AnchorRecipe, progress: Progress) -> Anchor:
    """Train on a random share of all rows, repetitions included. A word that only the test set has gets the code 0."""
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    vocabularies = tuple(tuple(np.unique(column).tolist()) for column in records.categorical.T)
    rows = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(records)), records.counts))
    held_out, training = np.split(rows, [round(len(rows) * recipe.held_out)])
    values, truth = _values(records, vocabularies), np.searchsorted(NAMES, records.labels).astype(np.int32)
    model = keras.Sequential(
        [
            keras.Input((values.shape[1],)),
            *(layers.Dense(units, "relu") for units in recipe.hidden),
            layers.Dense(len(NAMES), "softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(recipe.learning_rate), "sparse_categorical_crossentropy")

    def report(epoch: int, logs: dict[str, float]) -> None:
        progress("anchor", epoch + 1, recipe.epochs, f"loss {logs['loss']:.5f}")

    model.fit(
        values[training],
        truth[training],
        batch_size=recipe.batch_size,
        epochs=recipe.epochs,
        verbose=0,
        callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=report)],
    )
    counts = np.bincount(held_out, minlength=len(records))
    fresh = (counts > 0) & (np.bincount(training, minlength=len(records)) == 0)
    return Anchor(
        model,
        vocabularies,
        dataclasses.replace(records, counts=counts).take(counts > 0),
        records.once().take(fresh),
    )


def _values(records: Records, vocabularies: tuple[tuple[str, ...], ...]) -> NDArray[np.float32]:
    """Words as numbers next to the raw numbers; shape (n_records, n_columns)."""
    return np.hstack([codes(records.categorical, vocabularies).astype(np.float32), records.numeric])
