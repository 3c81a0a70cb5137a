"""Vectors that could be traffic and are none: normal ones with some values of another vector.

    normal   a b c d e f g h
    another  A B C D E F G H   ─▶   a B c d e F g h     5 to 50 % of the columns, anew for each vector

Each value occurs in training, the combination does not. A network that tells such vectors from real ones has learnt
which values go together, which is what an attack that nobody has seen breaks first.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SHARES = (0.05, 0.5)
"""Least and most of the columns that are exchanged, on average."""


def crossover(
    numeric: NDArray[np.float32], codes: NDArray[np.int32], normal: NDArray[np.bool_], rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """One such vector for each normal one; those that came out unchanged are left out.

    Args:
        numeric: shape (n_vectors, n_numeric), all training vectors, attacks too.
        codes: shape (n_vectors, n_categorical).
        normal: shape (n_vectors,), which of them are normal.
        rng: decides partners and columns.
    """
    base = np.flatnonzero(normal)
    other = rng.integers(0, len(numeric), len(base))
    share = rng.uniform(*SHARES, len(base))[:, None]
    mixed = [
        np.where(rng.random((len(base), values.shape[1])) < share, values[other], values[base])
        for values in (numeric, codes)
    ]
    changed = (mixed[0] != numeric[base]).any(axis=1) | (mixed[1] != codes[base]).any(axis=1)
    return mixed[0][changed], mixed[1][changed]
