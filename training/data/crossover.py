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

BLUR = 0.3
"""Most of the columns that an attack takes from a normal vector and is still the same attack."""


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
    mixed_numeric, mixed_codes = _exchange((numeric, codes), base, other, rng.uniform(*SHARES, len(base)), rng)
    changed = (mixed_numeric != numeric[base]).any(axis=1) | (mixed_codes != codes[base]).any(axis=1)
    return mixed_numeric[changed], mixed_codes[changed]


def blurred(
    numeric: NDArray[np.float32],
    codes: NDArray[np.int32],
    attack: NDArray[np.int64],
    normal: NDArray[np.int64],
    rng: np.random.Generator,
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Each attack with up to `BLUR` of its columns taken from a normal vector: the same attack, harder to tell.

    Args:
        numeric: shape (n_vectors, n_numeric).
        codes: shape (n_vectors, n_categorical).
        attack: shape (n_attacks,), which vectors to blur.
        normal: shape (n_normal,), which vectors to take from; with none the attacks stay as they are.
        rng: decides partners and columns.
    """
    if not len(normal):
        return numeric[attack], codes[attack]
    other = rng.choice(normal, len(attack))
    return _exchange((numeric, codes), attack, other, rng.uniform(0, BLUR, len(attack)), rng)


def _exchange(
    arrays: tuple[NDArray[np.float32], NDArray[np.int32]],
    base: NDArray[np.int64],
    other: NDArray[np.int64],
    share: NDArray[np.float64],
    rng: np.random.Generator,
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    numeric, codes = (
        np.where(rng.random((len(base), values.shape[1])) < share[:, None], values[other], values[base])
        for values in arrays
    )
    return numeric, codes
