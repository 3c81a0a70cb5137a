"""Find records with the same values as another record: no model of these columns can tell the two apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from training.data.records import Records, vector_numbers


def has_twin(records: Records, others: Records, columns: Sequence[str]) -> NDArray[np.bool_]:
    """Whether each record equals one of `others` in all these columns; shape (n_records,)."""
    numbers, words = zip(records.pick(columns), others.pick(columns), strict=True)
    vector = vector_numbers(np.concatenate(numbers), np.concatenate(words))
    twins: NDArray[np.bool_] = np.isin(vector[: len(records)], vector[len(records) :])
    return twins
