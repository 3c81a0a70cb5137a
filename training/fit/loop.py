"""Mini-batch training, with one compiled loop for each epoch.

rows ─▶ varied for each epoch ─▶ batches ─▶ loss ─▶ Adam, with a learning rate that falls along half a cosine
validation ─▶ loss after each epoch ─▶ keep the best weights; without validation, run all epochs
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

Progress = Callable[[str, int, int, str], None]
"""Called after each epoch: what is trained, epochs done, largest number of epochs, the loss in words."""
Tensors = tuple[tf.Tensor, ...]
Loss = Callable[..., tf.Tensor]
"""Computes a number from a batch of each of the tensors."""


@dataclass(frozen=True)
class Loop:
    """How every network is trained."""

    epochs: int
    patience: int
    batch_size: int
    learning_rate: float
    rng: np.random.Generator
    progress: Progress

    def run(
        self,
        network: keras.Model,
        loss: Loss,
        training: Tensors,
        validation: Tensors | None = None,
        *,
        vary: Callable[..., Tensors] | None = None,
        most_epochs: int | None = None,
    ) -> None:
        """Train the network in place.

        Args:
            network: its name is passed to `progress`.
            loss: the loss of a batch.
            training: tensors with the same first axis.
            validation: the same for the rows that decide when to stop.
            vary: changes the training tensors before each epoch.
            most_epochs: a limit below `epochs`.
        """
        epochs = min(self.epochs, most_epochs or self.epochs)
        n_rows = int(training[0].shape[0])
        run_epoch = self._epoch(network, loss, n_rows, epochs)
        measure = tf.function(loss)
        best, best_weights, waited = np.inf, network.get_weights(), 0
        for done in range(1, epochs + 1):
            order = tf.constant(self.rng.permutation(n_rows))
            value = float(run_epoch(order, *(training if vary is None else vary(*training))))
            if validation is None:
                self.progress(network.name, done, epochs, f"training loss {value:.5f}")
                continue
            value = float(measure(*validation))
            self.progress(network.name, done, epochs, f"validation loss {value:.5f}")
            waited += 1
            if value < best:
                best, best_weights, waited = value, network.get_weights(), 0
            elif waited == self.patience:
                break
        if validation is not None:
            network.set_weights(best_weights)

    def with_unseen_words(self, share: float) -> Callable[..., Tensors]:
        """A function for `vary` that shows a share of the words as unseen; the second tensor holds their codes."""

        def vary(numeric: tf.Tensor, categorical: tf.Tensor, *others: tf.Tensor) -> Tensors:
            kept = self.rng.random(categorical.shape) >= share
            return numeric, categorical * tf.constant(kept.astype(np.int32)), *others

        return vary

    def _epoch(self, network: keras.Model, loss: Loss, n_rows: int, epochs: int) -> Loss:
        batch = min(self.batch_size, n_rows)
        n_steps = n_rows // batch
        optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(self.learning_rate, epochs * n_steps))
        optimizer.build(network.trainable_variables)

        def epoch(order: tf.Tensor, *rows: tf.Tensor) -> tf.Tensor:
            sum_of_losses = tf.constant(0.0)
            for step in tf.range(n_steps):
                index = order[step * batch : (step + 1) * batch]
                with tf.GradientTape() as tape:
                    total = loss(*(tf.gather(tensor, index) for tensor in rows)) + tf.add_n(network.losses)
                optimizer.apply(tape.gradient(total, network.trainable_variables))
                sum_of_losses += total
            return sum_of_losses / n_steps

        compiled: Loss = tf.function(epoch)
        return compiled
