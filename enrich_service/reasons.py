"""Why an alert: the features that weighed most, found by taking them away one at a time (occlusion).

    flagged row ──▶ copies, in each one feature as in harmless traffic ──▶ the same graph ──▶ how far the verdict falls
      count 511       count 2, all else the same                                               11.3 in log-odds
                                                                    ──▶ "count 511 (usually 2)"

What falls is the log-odds of the closest label, or the novelty where the verdict is `unknown`. Only the features that
differ from the harmless value need a copy, and equal rows are explained once: a flood is one row a thousand times.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from contract.artifact import Feature
from enrich_service.artifact import Artifact

MOST = 3
"""Reasons for one document: what a person takes in at a glance."""
CHUNK_ROWS = 4096
"""Copies in one run of the graph; bounds the memory whatever the page holds."""
MIN_LOG_ODDS = 0.1
"""A feature that moves the log-odds by less weighs nothing: the odds change by a tenth."""
MIN_NOVELTY = 0.01
"""The same for the novelty, which is 0 to 1."""
_TINY = 1e-30
"""Probability below which the logarithm is cut off; float32 has about 1e-38."""


class Explainer:
    """Finds the reasons of one model's verdicts; made once for a model."""

    def __init__(self, artifact: Artifact) -> None:
        self.artifact = artifact
        self._numeric = artifact.contract.numeric
        self._categorical = artifact.contract.categorical
        usual = [feature.background for feature in self._numeric]
        # NaN stands for "no harmless value known": such a feature is left as it is
        self._usual_numbers = np.array([b if isinstance(b, float) else np.nan for b in usual], np.float32)
        self._usual_words = [f.background if isinstance(f.background, str) else None for f in self._categorical]

    def reasons(
        self,
        numeric: NDArray[np.float32],
        categorical: NDArray[np.object_],
        closest: NDArray[np.intp],
        unknown: NDArray[np.bool_],
    ) -> list[list[str]]:
        """The features that weighed most in each verdict, as text, the heaviest first.

        Args:
            numeric: shape (n, n_numeric), the flagged rows.
            categorical: shape (n, n_categorical).
            closest: shape (n,), their closest labels.
            unknown: shape (n,), where the novelty is to be explained and not the label.
        """
        if not len(closest):
            return []
        first, inverse = _distinct(numeric, categorical, closest, unknown)
        texts: list[list[str]] = []
        step = max(1, CHUNK_ROWS // max(1, len(self._numeric) + len(self._categorical)))
        for begin in range(0, len(first), step):
            part = first[begin : begin + step]
            texts += self._explain(numeric[part], categorical[part], closest[part], unknown[part])
        return [texts[i] for i in inverse]

    def _explain(
        self,
        numeric: NDArray[np.float32],
        categorical: NDArray[np.object_],
        closest: NDArray[np.intp],
        unknown: NDArray[np.bool_],
    ) -> list[list[str]]:
        rows, columns = self._differences(numeric, categorical)
        n = len(closest)
        owner = np.concatenate([np.arange(n), rows])  # the rows themselves first, then the copies
        some_numeric, some_categorical = numeric[owner], categorical[owner]
        self._occlude(some_numeric, some_categorical, columns, offset=n)
        probabilities, novelty = self.artifact.run(some_numeric, some_categorical)
        score = log_odds(probabilities, closest[owner]) / MIN_LOG_ODDS
        if novelty is not None:
            score = np.where(unknown[owner], novelty.astype(np.float64) / MIN_NOVELTY, score)
        fall = score[:n][rows] - score[n:]
        reasons: list[list[str]] = [[] for _ in range(n)]
        for copy in np.lexsort((columns, -fall)).tolist():  # the heaviest first, ties in the features' order
            if fall[copy] < 1.0 or np.isnan(fall[copy]):
                break
            row, column = int(rows[copy]), int(columns[copy])
            if len(reasons[row]) < MOST:
                reasons[row].append(self._words(numeric[row], categorical[row], column))
        return reasons

    def _differences(
        self, numeric: NDArray[np.float32], categorical: NDArray[np.object_]
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Row and column of every value that is not the harmless one; the words' columns follow the numbers'."""
        odd_numbers = (numeric != self._usual_numbers) & ~np.isnan(self._usual_numbers)
        odd_words = np.zeros(categorical.shape, np.bool_)
        for column, usual in enumerate(self._usual_words):
            if usual is not None:
                odd_words[:, column] = categorical[:, column] != usual
        rows, columns = np.nonzero(np.concatenate([odd_numbers, odd_words], axis=1))
        return rows, columns

    def _occlude(
        self,
        numeric: NDArray[np.float32],
        categorical: NDArray[np.object_],
        columns: NDArray[np.intp],
        *,
        offset: int,
    ) -> None:
        """Put the harmless value into one column of each copy, in place."""
        split = len(self._numeric)
        copies = np.arange(len(columns)) + offset
        is_number = columns < split
        numeric[copies[is_number], columns[is_number]] = self._usual_numbers[columns[is_number]]
        for copy, column in zip(copies[~is_number].tolist(), (columns[~is_number] - split).tolist(), strict=True):
            categorical[copy, column] = self._usual_words[column]

    def _words(self, numeric: NDArray[np.float32], categorical: NDArray[np.object_], column: int) -> str:
        split = len(self._numeric)
        if column < split:
            return sentence(self._numeric[column], float(numeric[column]))
        return sentence(self._categorical[column - split], str(categorical[column - split]))


def log_odds(probabilities: NDArray[np.float32], label: NDArray[np.intp]) -> NDArray[np.float64]:
    """Log-odds of one label in each row, shape (n,).

    The odds are taken against the sum of the others and not as p / (1 - p): near 1 float32 has no digits left there.
    """
    rows = np.arange(len(label))
    of_label = probabilities[rows, label].astype(np.float64)
    others = probabilities.astype(np.float64)
    others[rows, label] = 0.0
    odds: NDArray[np.float64] = np.log(np.maximum(of_label, _TINY)) - np.log(np.maximum(others.sum(axis=1), _TINY))
    return odds


def sentence(feature: Feature, value: float | str) -> str:
    """`count 511 (usually 2)`."""
    return f"{feature.name} {_short(value)} (usually {_short(feature.background)})"


def _short(value: float | str | None) -> str:
    if isinstance(value, str):
        return value if len(value) <= 40 else f"{value[:39]}…"
    if value is None:
        return "-"
    return f"{value:.0f}" if float(value).is_integer() and abs(value) < 1e15 else f"{value:.3g}"


def _distinct(
    numeric: NDArray[np.float32],
    categorical: NDArray[np.object_],
    closest: NDArray[np.intp],
    unknown: NDArray[np.bool_],
) -> tuple[NDArray[np.intp], Sequence[int]]:
    """First row of each kind, and for every row which kind it is."""
    kinds: dict[tuple[bytes, tuple[str, ...], int, bool], int] = {}
    first: list[int] = []
    inverse: list[int] = []
    words = map(tuple, categorical.tolist())
    for row, key in enumerate(
        zip((line.tobytes() for line in numeric), words, closest.tolist(), unknown.tolist(), strict=True)
    ):
        kind = kinds.setdefault(key, len(first))
        if kind == len(first):
            first.append(row)
        inverse.append(kind)
    return np.array(first, np.intp), inverse
