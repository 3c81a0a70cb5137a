"""Folds of cross-validation."""

from __future__ import annotations

import numpy as np

from contract.errors import InputError
from training.data.records import Records
from training.data.split import Parts, one_label_a_vector, parts_of


def fold(records: Records, index: int, n_folds: int, seed: int) -> Parts:
    """Fold `index` of `n_folds`, stratified by label. Over all folds each distinct vector is held out once.

    A class with fewer vectors than folds is held out in as many folds as it has vectors.

    Raises:
        InputError: names a class with a single vector, which cannot be both learnt from and held out.
    """
    single, n_contradictory = one_label_a_vector(records)
    rng = np.random.default_rng(seed)
    sides, dealt = [], 0
    for label, n_members in zip(*np.unique(single.labels, return_counts=True), strict=True):
        if n_members < 2:
            raise InputError(
                f"label {str(label)!r} has {n_members} distinct row, expected at least 2 for folds; add rows with "
                f"this label, or "
                f"remove it"
            )
        members = rng.permutation(np.flatnonzero(single.labels == label))
        place = (np.arange(len(members)) + dealt) % n_folds  # a class begins at the fold after the last one's end
        dealt += len(members)
        sides.append((members[place != index], members[place == index]))
    return parts_of(single, sides, n_contradictory)
