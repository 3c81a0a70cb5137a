"""A uniform sample of rows of features in constant memory: reservoir sampling over arrays.

Source: Vitter, "Random Sampling with a Reservoir" (1985), algorithm R.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MOST = 50_000
"""Rows that are kept: quantiles of that many are off by less than half a percent of the rows."""


class Sample:
    """At most `most` of the added rows, each with the same chance. The same rows give the same sample.

    Args:
        n_numeric: columns of numbers.
        n_words: columns of words.
        most: rows that are kept.
    """

    def __init__(self, n_numeric: int, n_words: int, most: int = MOST) -> None:
        self.seen = 0
        """Rows that were added."""
        self._most = most
        self._numeric = np.empty((most, n_numeric), np.float32)
        self._words = np.empty((most, n_words), np.object_)
        self._random = np.random.default_rng(0)

    @property
    def numeric(self) -> NDArray[np.float32]:
        """Shape (n, n_numeric)."""
        return self._numeric[: self.seen]

    @property
    def words(self) -> NDArray[np.object_]:
        """Shape (n, n_words)."""
        return self._words[: self.seen]

    def add(self, numeric: NDArray[np.float32], words: NDArray[np.object_]) -> None:
        """Offer rows.

        Args:
            numeric: shape (n, n_numeric).
            words: shape (n, n_words).
        """
        for row in range(len(numeric)):
            place = self.seen if self.seen < self._most else int(self._random.integers(self.seen + 1))
            self.seen += 1
            if place < self._most:
                self._numeric[place], self._words[place] = numeric[row], words[row]
