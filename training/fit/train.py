"""Train the networks, each on all training records.

    training ─┬─▶ classifier ─┬─▶ stop by validation ─▶ temperature from validation ────────────────────┐
              ├───────────────┴─▶ second opinion (`training.fit.second_opinion`) ───────────────────────┤
              ├─▶ autoencoder ──┬▶ stop by validation ─▶ scale from the normal vectors of validation ───┴─▶ one model
              └─▶ + mixed ─▶ detector

The same records, seed, machine and library versions give the same weights. Another processor or another version of
TensorFlow adds floats in another order. The model then has other weights, but is as good.
"""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from training.data.crossover import crossover
from training.data.encoding import NAMES, NORMAL_NUMBER, Encoding, codes, measure
from training.data.records import Records
from training.data.split import Parts
from training.fit.ensemble import NoveltyScale, join, measure_scale
from training.fit.loop import Loop, Progress, Tensors
from training.fit.model import Networks, build
from training.fit.second_opinion import learn

THRESHOLD = 0.5
"""The novelty that `false_positive_rate` of the normal vectors exceed (`training.fit.ensemble`)."""


@dataclass(frozen=True)
class Recipe:
    """The parameters of a training; the defaults are those of the shipped model."""

    epochs: int = 50
    patience: int = 8
    """Epochs without a better validation loss before training stops; the best weights are kept."""
    batch_size: int = 512
    learning_rate: float = 2e-3
    """At the start; it falls to 0 along half a cosine."""
    category_dropout: float = 0.02
    """Share of words shown as unseen in each epoch, so that the unseen bucket is trained."""
    detector_epochs: int = 20
    """Largest number of the detector's epochs. Trained longer, it memorises the normal vectors and flags others."""
    mixed_per_normal: int = 2
    """Mixed vectors that the detector sees for each normal one."""
    attack_epochs: int = 20
    """Epochs of the second opinion. Validation cannot stop it: there are no attacks of the kind that it is for."""
    attack_weights: tuple[float, ...] = (0.25, 0.5)
    """One teacher of the second opinion for each weight w: a label of n vectors weighs n to the power of -w."""
    false_positive_rate: float = 0.01
    """Share of normal validation records whose novelty is above the threshold."""


@dataclass(frozen=True)
class Trained:
    """A trained model, with what its contract needs."""

    model: keras.Model
    encoding: Encoding
    temperature: float
    novelty_threshold: float


def train(parts: Parts, seed: int, recipe: Recipe, progress: Progress) -> Trained:
    """Train on `parts.training`, stop and calibrate by `parts.validation`. Never reads `parts.held_out`."""
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    encoding = measure(parts.training)
    networks = build(encoding)
    loop = Loop(
        recipe.epochs, recipe.patience, recipe.batch_size, recipe.learning_rate, np.random.default_rng(seed), progress
    )
    fit = Fit(recipe, networks, loop)
    training, validation = (tensors_of(part, encoding) for part in (parts.training, parts.validation))
    fit.classifier(training, validation)
    encoded = [networks.encoder(list(tensors[:2])) for tensors in (training, validation)]
    fit.autoencoder(*encoded)
    temperature = best_temperature(networks.classifier(encoded[1]).numpy(), validation[2].numpy())
    fit.detector(training, validation)
    learn(networks, training, loop, weights=recipe.attack_weights, epochs=recipe.attack_epochs)
    harmless = tf.boolean_mask(encoded[1], validation[2] == NORMAL_NUMBER)
    scale = novelty_scale(networks, harmless, recipe.false_positive_rate)
    model = join(networks, temperature=temperature, scale=scale)
    return Trained(model, encoding, temperature, THRESHOLD)


def best_temperature(logits: NDArray[np.float32], truth: NDArray[np.integer]) -> float:
    """The divisor of the logits, from 0.25 to 4, that makes the true labels likeliest."""
    candidates = np.geomspace(0.25, 4.0, 161)
    return float(min(candidates, key=lambda temperature: _negative_log_likelihood(logits / temperature, truth)))


def _negative_log_likelihood(logits: NDArray[np.float32], truth: NDArray[np.integer]) -> float:
    top = logits.max(axis=1, keepdims=True)
    log_sum = np.log(np.exp(logits - top).sum(axis=1)) + top[:, 0]
    return float((log_sum - logits[np.arange(len(truth)), truth]).mean())


def tensors_of(records: Records, encoding: Encoding) -> Tensors:
    """Numeric values, codes and label numbers of records."""
    truth = np.searchsorted(NAMES, records.labels).astype(np.int32)
    return tuple(map(tf.constant, (records.numeric, codes(records.categorical, encoding.vocabularies), truth)))


def novelty_scale(networks: Networks, harmless: tf.Tensor, rate: float) -> NoveltyScale:
    """Measure what is usual among these encoded normal vectors."""
    errors = tf.reduce_mean(tf.square(harmless - networks.autoencoder(harmless)), axis=1).numpy()
    return measure_scale(errors, networks.detector(harmless).numpy()[:, 0], rate)


class Fit:
    """Trains the networks one after another, the classifier first."""

    def __init__(self, recipe: Recipe, networks: Networks, loop: Loop) -> None:
        self.recipe, self.networks, self.loop = recipe, networks, loop

    def classifier(self, training: Tensors, validation: Tensors) -> None:
        """Train on raw records. Each epoch shows some words as unseen."""
        cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        networks = self.networks

        def loss(numeric: tf.Tensor, categorical: tf.Tensor, truth: tf.Tensor) -> tf.Tensor:
            return cross_entropy(truth, networks.classifier(networks.encoder([numeric, categorical])))

        vary = self.loop.with_unseen_words(self.recipe.category_dropout)
        self.loop.run(networks.classifier, loss, training, validation, vary=vary)

    def autoencoder(self, training: tf.Tensor, validation: tf.Tensor) -> None:
        """Train on encoded records."""
        autoencoder = self.networks.autoencoder

        def loss(encoded: tf.Tensor) -> tf.Tensor:
            return tf.reduce_mean(tf.square(encoded - autoencoder(encoded)))

        self.loop.run(autoencoder, loss, (training,), (validation,))

    def detector(self, training: Tensors, validation: Tensors) -> None:
        """Train on records and on vectors mixed from them."""
        cross_entropy = keras.losses.BinaryCrossentropy(from_logits=True)
        detector = self.networks.detector

        def loss(encoded: tf.Tensor, mixed: tf.Tensor) -> tf.Tensor:
            return cross_entropy(mixed, detector(encoded))

        seen = self._with_mixed(training, self.recipe.mixed_per_normal)
        most = self.recipe.detector_epochs
        self.loop.run(detector, loss, seen, self._with_mixed(validation, 1), most_epochs=most)

    def _with_mixed(self, tensors: Tensors, times: int) -> Tensors:
        """Encoded real vectors (0), followed by encoded mixed ones (1)."""
        numeric, categorical, truth = (tensor.numpy() for tensor in tensors)
        normal = truth == NORMAL_NUMBER
        mixed = [crossover(numeric, categorical, normal, self.loop.rng) for _ in range(times)]
        encoded = [
            self.networks.encoder([tf.constant(values) for values in pair]) for pair in ((numeric, categorical), *mixed)
        ]
        sides = np.concatenate(
            [np.full((len(rows), 1), float(place > 0), np.float32) for place, rows in enumerate(encoded)]
        )
        return tf.concat(encoded, axis=0), tf.constant(sides)
