"""A uniform sample of whole rows of a stream whose length nobody knows: reservoir sampling, in constant memory.

Source: Vitter, "Random Sampling with a Reservoir" (1985), algorithm R.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from common.tables.batch import Batch

ROWS = 50_000


class Sample:
    """At most `most` of the added rows, each with the same chance. The same rows give the same sample."""

    def __init__(self, most: int = ROWS, seed: int = 0) -> None:
        self.rows: list[dict[str, Any]] = []
        self._most, self._seen = most, 0
        self._random = np.random.default_rng(seed)

    def add(self, batch: Batch) -> None:
        """Offer all rows of a batch, but for the broken ones."""
        names = list(batch.columns)
        for place, values in enumerate(zip(*batch.columns.values(), strict=True)):
            if place in batch.broken:
                continue
            self._seen += 1
            if len(self.rows) < self._most:
                self.rows.append(dict(zip(names, values, strict=True)))
                continue
            chosen = int(self._random.integers(self._seen))
            if chosen < self._most:
                self.rows[chosen] = dict(zip(names, values, strict=True))
