"""Split distinct vectors into training, validation and held-out parts.

    records ─▶ one label a vector ─▶ class by class: 80 % to learn from ─┬─▶ 90 % training
                                                  └─▶ 20 % held out       └─▶ 10 % validation (stop, temperature,
                                                                              threshold)

No vector is in two parts. With a random split by rows, three in four held-out rows would have a twin in training.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contract.errors import InputError
from contract.kdd99.columns import LABELS, NORMAL
from training.data.records import Records, vector_numbers

HELD_OUT, VALIDATION = 0.2, 0.1
FEW = 10
"""A class with fewer vectors left after the hold-out gives none to validation, because training needs them more."""


@dataclass(frozen=True)
class Parts:
    """Three parts without a common vector."""

    training: Records
    validation: Records
    held_out: Records
    n_contradictory: int
    """Vectors that occur in the file under more than one label."""


def split(records: Records, seed: int) -> Parts:
    """Split by distinct vector, stratified by label. The same records and seed give the same parts.

    A class of two or more vectors has at least one in training and one held out. A single vector goes to training.
    """
    single, n_contradictory = one_label_a_vector(records)
    rng = np.random.default_rng(seed)
    sides = []
    for label in np.unique(single.labels):
        members = rng.permutation(np.flatnonzero(single.labels == label))
        n_held_out = max(round(len(members) * HELD_OUT), 1) if len(members) > 1 else 0
        sides.append((members[n_held_out:], members[:n_held_out]))
    return parts_of(single, sides, n_contradictory)


def parts_of(single: Records, sides: list[tuple[NDArray[np.int64], NDArray[np.int64]]], n_contradictory: int) -> Parts:
    """Build the parts from each class's (rest, held out) vectors."""
    parts: tuple[list[NDArray[np.int64]], ...] = ([], [], [])
    for rest, held_out in sides:
        n_validation = round(len(rest) * VALIDATION) if len(rest) >= FEW else 0
        validation, training = np.split(rest, [n_validation])
        for part, index in zip(parts, (training, validation, held_out), strict=True):
            part.append(index)
    chosen = [single.take(np.sort(np.concatenate(part))) for part in parts]
    return Parts(chosen[0], chosen[1], chosen[2], n_contradictory)


def check_labels(parts: Parts) -> None:
    """Check that a model of the 23 labels can be trained on these parts.

    Raises:
        InputError: the data has other labels, or too few normal vectors to measure novelty.
    """
    names = {label.name for label in LABELS}
    labels = np.concatenate([part.labels for part in (parts.training, parts.validation, parts.held_out)])
    foreign = sorted(set(labels.tolist()) - names)
    if foreign:
        raise InputError(
            f"the data has {len(foreign)} labels that are not in the training set of KDD Cup 99 "
            f"({', '.join(foreign[:5])}); "
            f"train on kddcup.data or kddcup.data_10_percent, or remove those rows"
        )
    if not (parts.validation.labels == NORMAL).any():
        raise InputError(
            f"the data has {(labels == NORMAL).sum()} distinct normal rows, too few to learn normal traffic; expected "
            f"at least some hundreds"
        )


def one_label_a_vector(records: Records) -> tuple[Records, int]:
    """Keep one label for each vector: the one with the most rows, or the first in the file. It gets all the rows.

    Returns:
        the records, each vector once, and the number of contradictory vectors.
    """
    vector = vector_numbers(records.numeric, records.categorical)
    best = np.lexsort((np.arange(len(records)), -records.counts, vector))
    _, first = np.unique(vector[best], return_index=True)
    keep = np.sort(best[first])
    rows = np.bincount(vector, weights=records.counts).astype(np.int64)
    n_contradictory = int((np.bincount(vector) > 1).sum())
    return dataclasses.replace(records.take(keep), counts=rows[vector[keep]]), n_contradictory
