"""The second opinion: if a vector is an attack after all, which one? Used where the classifier is sure of normal.

    attacks ─┬─▶ as they are ─┬─▶ one teacher for each weight of the rare labels ─┐
             └─▶ blurred ─────┘                     classifier, attacks alone ────┴─▶ mean ─▶ targets
    attacks, blurred, mixed, normal ────────────────────────────────────────────────────▶ student `attacks` learns them

Where the classifier is sure of normal, training has not shaped its shares among the attacks, so they mean little.
Teachers trained on attacks only, some of them blurred with normal values, know more, and their mean knows most. One
small network learns that mean, so that the graph needs one network and not three.
"""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from training.data.crossover import blurred, crossover
from training.data.encoding import NAMES, NORMAL_NUMBER
from training.fit.loop import Loop, Tensors
from training.fit.model import Networks, stack

NEVER = -1e4
"""Added to the logit of normal, so that its share is 0."""
TEACHER = (64, 32)
CATEGORY_DROPOUT = 0.1
"""Share of words that the teachers see as unseen: an attack on another service is still the same attack."""


def learn(
    networks: Networks, training: Tensors, loop: Loop, *, weights: tuple[float, ...], epochs: int
) -> list[keras.Model]:
    """Train `networks.attacks`. Train the classifier first.

    Args:
        networks: reads the classifier and trains `attacks`.
        training: numeric, codes and label numbers. Without an attack among them, does nothing.
        loop: how to train.
        weights: one teacher for each weight w: a label of n vectors weighs n to the power of -w.
        epochs: largest number of epochs of each network.
    Returns:
        the teachers.
    """
    numeric, categorical, truth = (tensor.numpy() for tensor in training)
    normal = truth == NORMAL_NUMBER
    attack = np.flatnonzero(~normal)
    if not len(attack):
        return []
    blurs = blurred(numeric, categorical, attack, np.flatnonzero(normal), loop.rng)
    rows = [np.concatenate(pair) for pair in zip((numeric[attack], categorical[attack]), blurs, strict=True)]
    labels = np.tile(truth[attack], 2)
    teachers = [_teacher(networks, rows, labels, loop, weight, epochs) for weight in weights]
    mixed = crossover(numeric, categorical, normal, loop.rng)
    everything = [np.concatenate(parts) for parts in zip((numeric, categorical), blurs, mixed, strict=True)]
    encoded = networks.encoder([tf.constant(values) for values in everything])
    targets = np.mean([among_attacks(network, encoded) for network in (networks.classifier, *teachers)], axis=0)
    cross_entropy = keras.losses.CategoricalCrossentropy(from_logits=True)

    def loss(rows: tf.Tensor, shares: tf.Tensor) -> tf.Tensor:
        return cross_entropy(shares, networks.attacks(rows))

    loop.run(networks.attacks, loss, (encoded, tf.constant(targets)), most_epochs=epochs)
    return teachers


def _teacher(
    networks: Networks,
    rows: list[NDArray[np.generic]],
    labels: NDArray[np.int32],
    loop: Loop,
    weight: float,
    epochs: int,
) -> keras.Model:
    network = stack(f"teacher_{weight:g}".replace(".", "_"), networks.encoder.output_shape[-1], (*TEACHER, len(NAMES)))
    of_label = np.maximum(np.bincount(labels, minlength=len(NAMES)), 1) ** -weight
    weights = (of_label[labels] / of_label[labels].mean()).astype(np.float32)
    cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction=None)
    never = tf.constant(_never())

    def loss(numeric: tf.Tensor, categorical: tf.Tensor, truth: tf.Tensor, weight: tf.Tensor) -> tf.Tensor:
        logits = network(networks.encoder([numeric, categorical])) + never
        return tf.reduce_mean(weight * cross_entropy(truth, logits))

    seen = tuple(map(tf.constant, (*rows, labels, weights)))
    loop.run(network, loss, seen, vary=loop.with_unseen_words(CATEGORY_DROPOUT), most_epochs=epochs)
    return network


def among_attacks(network: keras.Model, encoded: tf.Tensor) -> NDArray[np.float32]:
    """Share of each label if normal is excluded, shape (n, n_labels)."""
    shares: NDArray[np.float32] = tf.nn.softmax(network(encoded) + _never()).numpy()
    return shares


def _never() -> NDArray[np.float32]:
    return np.where(np.arange(len(NAMES)) == NORMAL_NUMBER, np.float32(NEVER), np.float32(0))
