"""A uniform sample of whole rows of a stream whose length nobody knows: reservoir sampling, in constant memory.

Source: Vitter, "Random Sampling with a Reservoir" (1985), algorithm R.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from common.tables.batch import Batch
from contract.values import MAX_WORD

ROWS, FEWEST_ROWS = 50_000, 1_000
CELLS = 5_000_000
"""Values of all rows: with more columns, the sample has fewer rows, and memory stays the same."""


class Sample:
    """At most `most` of the added rows, each with the same chance. The same rows give the same sample."""

    def __init__(self, most: int = ROWS, seed: int = 0) -> None:
        self.rows: list[dict[str, Any]] = []
        self._most, self._seen = most, 0
        self._random = np.random.default_rng(seed)

    def add(self, batch: Batch) -> None:
        """Offer all rows of a batch, but for the broken ones."""
        names = list(batch.columns)
        self._shrink(max(FEWEST_ROWS, CELLS // max(1, len(names))))
        for place, values in enumerate(zip(*batch.columns.values(), strict=True)):
            if place in batch.broken:
                continue
            self._seen += 1
            if len(self.rows) < self._most:
                self.rows.append(_row(names, values))
                continue
            chosen = int(self._random.integers(self._seen))
            if chosen < self._most:
                self.rows[chosen] = _row(names, values)

    def _shrink(self, most: int) -> None:
        """Keep at most so many rows; a uniform choice of a uniform sample is uniform."""
        if most >= self._most:
            return
        self._most = most
        if len(self.rows) > most:
            kept = self._random.choice(len(self.rows), most, replace=False)
            self.rows = [self.rows[place] for place in sorted(kept.tolist())]


def _row(names: Sequence[str], values: Sequence[Any]) -> dict[str, Any]:
    """A row; the end of a text that is too long for a word is cut off."""
    return {
        name: value[: MAX_WORD + 1] if isinstance(value, str) else value
        for name, value in zip(names, values, strict=True)
    }
