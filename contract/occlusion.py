"""Occlusion: how far a verdict falls when one feature takes its harmless value, its `background` in the contract.

    row ──▶ one copy for each feature that differs from its harmless value ──▶ model ──▶ fall of the label's log-odds

The enrich service finds reasons with it, the converter the usual reasons of each label.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from contract.artifact.contract import ModelContract

_TINY = 1e-30
"""Probabilities below this count as this; the smallest float32 is about 1e-38."""
LEAST_FALL = 0.1
"""Log-odds. A feature that lowers a label by less is no reason: the odds change by a tenth."""
MOST_CELLS = 2_000_000
"""Values in the copies of rows that are made together: 1,000 rows of 41 features. It bounds the memory."""
MOST_ROWS = 1000

Places = NDArray[np.intp]


class Occlusion:
    """Makes the copies for one model. Columns count the float features first, then the string features."""

    def __init__(self, contract: ModelContract) -> None:
        usual = [feature.background for feature in contract.numeric]
        # NaN: no harmless value is known, so the feature stays as it is
        self._numbers = np.array([value if isinstance(value, float) else np.nan for value in usual], np.float32)
        self._words = [f.background if isinstance(f.background, str) else None for f in contract.categorical]
        width = max(1, len(contract.features))
        self.rows_at_once = max(1, min(MOST_ROWS, MOST_CELLS // (width * width)))
        """Rows whose copies fit into memory together."""

    def differences(self, numeric: NDArray[np.float32], categorical: NDArray[np.object_]) -> NDArray[np.bool_]:
        """Whether a value differs from its harmless value.

        Args:
            numeric: shape (n, n_numeric).
            categorical: shape (n, n_categorical).
        Returns:
            shape (n, n_features).
        """
        numbers = (numeric != self._numbers) & ~np.isnan(self._numbers)
        words = np.zeros(categorical.shape, np.bool_)
        for column, usual in enumerate(self._words):
            if usual is not None:
                words[:, column] = categorical[:, column] != usual
        return np.concatenate([numbers, words], axis=1)

    def copies(
        self, numeric: NDArray[np.float32], categorical: NDArray[np.object_], rows: Places, columns: Places
    ) -> tuple[NDArray[np.float32], NDArray[np.object_]]:
        """Copies of these rows, each with the harmless value in one column.

        Args:
            numeric, categorical: as in `differences`.
            rows, columns: shape (n_copies,), row and column of each copy.
        """
        numbers, words = numeric[rows], categorical[rows]
        split = len(self._numbers)
        is_number = np.flatnonzero(columns < split)
        numbers[is_number, columns[is_number]] = self._numbers[columns[is_number]]
        for column, usual in enumerate(self._words):
            words[columns == split + column, column] = usual
        return numbers, words


def log_odds(probabilities: NDArray[np.float32], label: Places) -> NDArray[np.float64]:
    """Log-odds of one label in each row, shape (n,).

    The odds are taken against the sum of the others and not as p / (1 - p): near 1, float32 has no digits left.
    """
    rows = np.arange(len(label))
    of_label = probabilities[rows, label].astype(np.float64)
    others = probabilities.copy()
    others[rows, label] = 0.0
    sums = (others @ np.ones(others.shape[1], np.float32)).astype(np.float64)
    odds: NDArray[np.float64] = np.log(np.maximum(of_label, _TINY)) - np.log(np.maximum(sums, _TINY))
    return odds
