"""Build mixed vectors: normal vectors in which some values come from another vector.

    normal   a b c d e f g h
    another  A B C D E F G H   ─▶   a B c d e F g h     5 to 50 % of the columns, drawn for each vector

Each value occurs in training, but the combination does not. A network that tells mixed vectors from real ones has
learnt which values belong together. An unseen attack breaks exactly that.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SHARES = (0.05, 0.5)
"""Smallest and largest average share of the columns that are exchanged."""

BLUR = 0.3
"""Largest share of its columns that an attack can take from a normal vector and still be the same attack."""


def crossover(
    numeric: NDArray[np.float32], codes: NDArray[np.int32], normal: NDArray[np.bool_], rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """One mixed vector for each normal one; leaves out those that did not change.

    Args:
        numeric: shape (n_vectors, n_numeric), all training vectors, attacks included.
        codes: shape (n_vectors, n_categorical).
        normal: shape (n_vectors,), which of them are normal.
        rng: draws the partners and the columns.
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
    """Each attack with up to `BLUR` of its columns taken from a normal vector: the same attack, harder to recognise.

    Args:
        numeric: shape (n_vectors, n_numeric).
        codes: shape (n_vectors, n_categorical).
        attack: shape (n_attacks,), which vectors to blur.
        normal: shape (n_normal,), which vectors to take from. If empty, the attacks stay as they are.
        rng: draws the partners and the columns.
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
