"""Train the networks, each on all training records.

    training ─┬─▶ classifier ────▶ stop by validation ─▶ temperature from validation ─────────┐
              ├─▶ autoencoder ──┬▶ stop by validation ─▶ scale from the normal of validation ─┴─▶ one Keras model
              └─▶ + mixed ─▶ detector

The same records, seed, machine and library versions give the same weights. Another processor or another version of
TensorFlow adds floats in another order and gives a model that is as good, with other weights.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from contract.kdd99 import LABELS, NORMAL
from training.crossover import crossover
from training.data import Records
from training.encoding import Encoding, codes, measure
from training.model import Networks, NoveltyScale, build, join, ratio
from training.split import Parts

Progress = Callable[[str, int, int, str], None]
"""Called after each epoch: what is trained, epochs done, epochs at most, the loss in words."""
Tensors = tuple[tf.Tensor, ...]

NAMES = [label.name for label in LABELS]
THRESHOLD = 0.5
"""Novelty of what `false_positive_rate` of the normal vectors exceed (`training.model.join`)."""


@dataclass(frozen=True)
class Recipe:
    """What can be turned; the defaults are the shipped model's."""

    epochs: int = 50
    patience: int = 8
    """Epochs without a better validation loss before training stops; the best weights are kept."""
    batch_size: int = 512
    learning_rate: float = 2e-3
    """At the start; it falls to 0 along a half cosine."""
    category_dropout: float = 0.02
    """Share of words that are shown as unseen in an epoch, so that the unseen bucket is trained."""
    detector_epochs: int = 20
    """Most epochs of the detector: trained longer it learns the training set's normal vectors by heart and flags others."""
    mixed_per_normal: int = 2
    """Mixed vectors that the detector sees for each normal one."""
    false_positive_rate: float = 0.01
    """Share of normal validation records whose novelty is above the threshold."""


@dataclass(frozen=True)
class Trained:
    """A trained model with what its contract needs to say."""

    model: keras.Model
    encoding: Encoding
    temperature: float
    novelty_threshold: float


def train(parts: Parts, seed: int, recipe: Recipe, progress: Progress) -> Trained:
    """Train on `parts.training`, stop and calibrate by `parts.validation`; `parts.held_out` is not looked at."""
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    encoding = measure(parts.training)
    networks = build(encoding)
    fit = _Fit(recipe, np.random.default_rng(seed), progress)
    training, validation = (_tensors(part, encoding) for part in (parts.training, parts.validation))
    fit.classifier(networks, training, validation)
    encoded = [networks.encoder(list(tensors[:2])) for tensors in (training, validation)]
    fit.autoencoder(networks, *encoded)
    temperature = best_temperature(networks.classifier(encoded[1]).numpy(), validation[2].numpy())
    fit.detector(networks, training, validation)
    harmless = tf.boolean_mask(encoded[1], validation[2] == NAMES.index(NORMAL))
    scale = novelty_scale(networks, harmless, recipe.false_positive_rate)
    model = join(networks, temperature=temperature, scale=scale)
    return Trained(model, encoding, temperature, THRESHOLD)


def best_temperature(logits: NDArray[np.float32], truth: NDArray[np.integer]) -> float:
    """The divisor of the logits that makes these answers likeliest, from 0.25 to 4."""
    candidates = np.geomspace(0.25, 4.0, 161)
    return float(min(candidates, key=lambda temperature: _negative_log_likelihood(logits / temperature, truth)))


def _negative_log_likelihood(logits: NDArray[np.float32], truth: NDArray[np.integer]) -> float:
    top = logits.max(axis=1, keepdims=True)
    log_sum = np.log(np.exp(logits - top).sum(axis=1)) + top[:, 0]
    return float((log_sum - logits[np.arange(len(truth)), truth]).mean())


def _tensors(records: Records, encoding: Encoding) -> Tensors:
    """Numeric, codes and label numbers of records."""
    truth = np.searchsorted(NAMES, records.labels).astype(np.int32)
    return tuple(map(tf.constant, (records.numeric, codes(records.categorical, encoding.vocabularies), truth)))


def novelty_scale(networks: Networks, harmless: tf.Tensor, rate: float) -> NoveltyScale:
    """Error and odds that half of `rate` of these encoded vectors exceed each, and the larger that `rate` exceed."""
    errors = tf.reduce_mean(tf.square(harmless - networks.autoencoder(harmless)), axis=1).numpy()
    logits = networks.detector(harmless).numpy()
    apart = NoveltyScale(float(np.quantile(errors, 1 - rate / 2)), float(np.quantile(logits, 1 - rate / 2)))
    both = ratio(networks, harmless, apart).numpy()
    return dataclasses.replace(apart, ratio=float(np.quantile(both, 1 - rate)))


class _Fit:
    """Mini-batch training with early stopping, an epoch in one compiled loop."""

    def __init__(self, recipe: Recipe, rng: np.random.Generator, progress: Progress) -> None:
        self.recipe, self.rng, self.progress = recipe, rng, progress

    def classifier(self, networks: Networks, training: Tensors, validation: Tensors) -> None:
        cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

        def loss(numeric: tf.Tensor, categorical: tf.Tensor, truth: tf.Tensor) -> tf.Tensor:
            return cross_entropy(truth, networks.classifier(networks.encoder([numeric, categorical])))

        def with_unseen_words(numeric: tf.Tensor, categorical: tf.Tensor, truth: tf.Tensor) -> Tensors:
            kept = self.rng.random(categorical.shape) >= self.recipe.category_dropout
            return numeric, categorical * tf.constant(kept.astype(np.int32)), truth

        self._run("classifier", networks.classifier, loss, training, validation, with_unseen_words)

    def autoencoder(self, networks: Networks, training: tf.Tensor, validation: tf.Tensor) -> None:
        def loss(encoded: tf.Tensor) -> tf.Tensor:
            return tf.reduce_mean(tf.square(encoded - networks.autoencoder(encoded)))

        self._run("autoencoder", networks.autoencoder, loss, (training,), (validation,), lambda *tensors: tensors)

    def detector(self, networks: Networks, training: Tensors, validation: Tensors) -> None:
        cross_entropy = keras.losses.BinaryCrossentropy(from_logits=True)

        def loss(encoded: tf.Tensor, mixed: tf.Tensor) -> tf.Tensor:
            return cross_entropy(mixed, networks.detector(encoded))

        seen = self._with_mixed(networks, training, self.recipe.mixed_per_normal)
        self._run(
            "detector",
            networks.detector,
            loss,
            seen,
            self._with_mixed(networks, validation, 1),
            lambda *same: same,
            epochs=min(self.recipe.epochs, self.recipe.detector_epochs),
        )

    def _with_mixed(self, networks: Networks, tensors: Tensors, times: int) -> Tensors:
        """Encoded real vectors (0) followed by encoded mixed ones (1)."""
        numeric, categorical, truth = (tensor.numpy() for tensor in tensors)
        normal = truth == NAMES.index(NORMAL)
        mixed = [crossover(numeric, categorical, normal, self.rng) for _ in range(times)]
        encoded = [
            networks.encoder([tf.constant(values) for values in pair]) for pair in ((numeric, categorical), *mixed)
        ]
        sides = np.concatenate(
            [np.full((len(rows), 1), float(place > 0), np.float32) for place, rows in enumerate(encoded)]
        )
        return tf.concat(encoded, axis=0), tf.constant(sides)

    def _run(
        self,
        name: str,
        network: keras.Model,
        loss: Callable[..., tf.Tensor],
        training: Tensors,
        validation: Tensors,
        vary: Callable[..., Tensors],
        epochs: int | None = None,
    ) -> None:
        n_rows, recipe = int(training[0].shape[0]), self.recipe
        epochs = epochs or recipe.epochs
        batch = min(recipe.batch_size, n_rows)
        n_steps = n_rows // batch
        schedule = keras.optimizers.schedules.CosineDecay(recipe.learning_rate, epochs * n_steps)
        optimizer = keras.optimizers.Adam(schedule)
        optimizer.build(network.trainable_variables)

        def epoch(order: tf.Tensor, *rows: tf.Tensor) -> None:
            for step in tf.range(n_steps):
                index = order[step * batch : (step + 1) * batch]
                with tf.GradientTape() as tape:
                    total = loss(*(tf.gather(tensor, index) for tensor in rows)) + tf.add_n(network.losses)
                optimizer.apply(tape.gradient(total, network.trainable_variables))

        run_epoch, measure_loss = tf.function(epoch), tf.function(loss)
        best, best_weights, waited = np.inf, network.get_weights(), 0
        for done in range(1, epochs + 1):
            run_epoch(tf.constant(self.rng.permutation(n_rows)), *vary(*training))
            value = float(measure_loss(*validation))
            self.progress(name, done, epochs, f"validation loss {value:.5f}")
            if value < best:
                best, best_weights, waited = value, network.get_weights(), 0
            else:
                waited += 1
                if waited == recipe.patience:
                    break
        network.set_weights(best_weights)
