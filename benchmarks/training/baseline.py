"""Train the naive model that every tutorial builds, to compare ours with it.

    all rows ─▶ random 80 / 20 ─▶ words as numbers, nothing scaled ─▶ Dense 45-45-23, Adam, 20 epochs ─▶ softmax

It is built as the tutorials build it, including their leak: three in four held-out rows have a twin in training. So it
is measured on its own hold-out, and also on the distinct held-out rows that training did not see.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from numpy.typing import NDArray

from contract.kdd99.columns import LABELS
from training.data.encoding import codes
from training.data.records import Records
from training.evaluation.evaluate import Predictions

NAMES = [label.name for label in LABELS]
BATCH = 8_192
Progress = Callable[[str, int, int, str], None]


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
    model.fit(
        values[training],
        truth[training],
        batch_size=recipe.batch_size,
        epochs=recipe.epochs,
        verbose=0,
        callbacks=[_EpochReport(recipe.epochs, progress)],
    )
    counts = np.bincount(held_out, minlength=len(records))
    fresh = (counts > 0) & (np.bincount(training, minlength=len(records)) == 0)
    return Anchor(
        model,
        vocabularies,
        dataclasses.replace(records, counts=counts).take(counts > 0),
        dataclasses.replace(records, counts=np.ones(len(records), np.int64)).take(fresh),
    )


def _values(records: Records, vocabularies: tuple[tuple[str, ...], ...]) -> NDArray[np.float32]:
    """Words as numbers next to the raw numbers; shape (n_records, n_columns)."""
    return np.hstack([codes(records.categorical, vocabularies).astype(np.float32), records.numeric])


class _EpochReport(keras.callbacks.Callback):  # type: ignore[misc]
    """Reports the end of each epoch."""

    def __init__(self, epochs: int, progress: Progress) -> None:
        super().__init__()
        self._epochs, self._progress = epochs, progress

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Keras calls this with the number of the epoch, from 0."""
        self._progress("anchor", epoch + 1, self._epochs, f"loss {(logs or {}).get('loss', 0):.5f}")
