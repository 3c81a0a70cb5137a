"""One training of a selection: train without a group of records, then score that group.

    records ─┬─▶ the rest ─▶ split ─▶ classifier, autoencoder, detectors, opinions ─┐
             └─▶ left out ───────────────────────────────────────────────────────────┴─▶ scores of each record, one .npz

It keeps scores and not figures. choose.py can then compare other choices in seconds.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from benchmarks.training.left_out import Mask
from contract.kdd99.columns import NORMAL
from training.data.duplicates import has_twin
from training.data.encoding import NORMAL_NUMBER, codes, measure
from training.data.records import Records
from training.data.split import split
from training.fit.loop import Loop, Progress
from training.fit.model import Networks, build
from training.fit.second_opinion import among_attacks, learn
from training.fit.train import Fit, Recipe, tensors_of

Scores = dict[str, NDArray[Any]]
"""By name: `usual_...` of normal validation vectors, `held_out_...` of normal held-out ones, `left_...` of left-out."""


def scores(
    records: Records, mask: Mask, seed: int, recipe: Recipe, epochs: tuple[int, ...], progress: Progress
) -> Scores:
    """Train without the records of the mask, then score them.

    Args:
        records: each distinct vector once (`training.data.split.one_label_a_vector`).
        mask: shape (n_records,), the records to leave out.
        seed: for the split and the weights.
        recipe: the recipe of the training.
        epochs: for each detector, its largest number of epochs.
        progress: called after each epoch.
    """
    left, parts = records.take(mask), split(records.take(~mask), seed)
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    encoding = measure(parts.training)
    networks = build(encoding)
    rng = np.random.default_rng(seed)
    loop = Loop(recipe.epochs, recipe.patience, recipe.batch_size, recipe.learning_rate, rng, progress)
    fit = Fit(recipe, networks, loop)
    training, validation = (tensors_of(part, encoding) for part in (parts.training, parts.validation))
    fit.classifier(training, validation)
    fit.autoencoder(*(networks.encoder(list(tensors[:2])) for tensors in (training, validation)))
    detectors = {}
    for most in epochs:
        networks = dataclasses.replace(networks, detector=build(encoding).detector)
        Fit(dataclasses.replace(recipe, detector_epochs=most), networks, loop).detector(training, validation)
        detectors[most] = networks.detector
    teachers = learn(networks, training, loop, weights=recipe.attack_weights, epochs=recipe.attack_epochs)
    all_scores: Scores = {}
    for name, part in (("usual", _normal(parts.validation)), ("held_out", _normal(parts.held_out)), ("left", left)):
        encoded = networks.encoder([part.numeric, codes(part.categorical, encoding.vocabularies)])
        all_scores |= {f"{name}_{key}": values for key, values in _novelty(networks, detectors, encoded).items()}
    all_scores["left_labels"] = left.labels
    all_scores["left_twins"] = has_twin(left, _normal(records), records.columns) & (left.labels != NORMAL)
    networks_of = {
        "classifier": networks.classifier,
        **{f"teacher_{w:g}": t for w, t in zip(recipe.attack_weights, teachers, strict=True)},
    }
    for name, network in {**networks_of, "student": networks.attacks}.items():
        all_scores[f"left_opinion_{name}"] = among_attacks(network, encoded).astype(np.float16)
    return all_scores


def _normal(records: Records) -> Records:
    return records.take(records.labels == NORMAL)


def _novelty(networks: Networks, detectors: dict[int, keras.Model], encoded: tf.Tensor) -> Scores:
    """Reconstruction error, each detector's logit, and whether the closest label is an attack; each (n_records,)."""
    error = tf.reduce_mean(tf.square(encoded - networks.autoencoder(encoded)), axis=1).numpy()
    attack = networks.classifier(encoded).numpy().argmax(axis=1) != NORMAL_NUMBER
    logits = {f"logit_{most}": detector(encoded).numpy()[:, 0] for most, detector in detectors.items()}
    return {"error": error, "attack": attack, **logits}
