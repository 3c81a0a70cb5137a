"""Why an alert: the features that weighed most, found by taking them away one at a time (occlusion).

    flagged row ──▶ copies, in each one feature as in harmless traffic ──▶ the same graph ──▶ how far the verdict falls
      count 511       count 2, all else the same                                               11.3 in log-odds
                                               ──▶ "count is 511; 95 % of normal connections have at most 26"

What falls is the log-odds of the closest label, or of the novelty where the verdict is `unknown`. Only the features
that differ from the harmless value need a copy, and equal rows are explained once: a flood is one row a thousand times.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from contract.artifact import NOVELTY_OUTPUT, PROBABILITIES_OUTPUT
from enrich_service.artifact import Artifact
from enrich_service.sentences import number_words, word_words

MOST = 3
"""Reasons for one document: what a person takes in at a glance."""
CHUNK_ROWS = 512
"""Copies in one run of the graph: the layers' values stay in the processor's cache, 10 to 20 % faster than 4,096."""
PART_ROWS = 200
"""Rows whose copies are made together; bounds the memory whatever the page holds."""
MIN_LOG_ODDS = 0.1
"""A feature that moves the label's log-odds by less weighs nothing: the odds change by a tenth."""
MIN_LOG_ODDS_NOVELTY = 0.02
"""The same for the novelty. Half the unknowns stand so near the threshold that a few hundredths decide."""
_TINY = 1e-30
"""Probability below which the logarithm is cut off; float32 has about 1e-38."""
_EPSILON = float(np.finfo(np.float32).eps)
"""Distance from 1 that a float32 novelty can still show."""

Rows = NDArray[np.intp]


class Explainer:
    """Finds the reasons of one model's verdicts; made once for a model."""

    def __init__(self, artifact: Artifact) -> None:
        self.artifact = artifact
        contract = artifact.contract
        usual = [feature.background for feature in contract.numeric]
        # NaN stands for "no harmless value known": such a feature is left as it is
        self._usual_numbers = np.array([b if isinstance(b, float) else np.nan for b in usual], np.float32)
        self._no_number = np.isnan(self._usual_numbers)
        self._usual_words = [f.background if isinstance(f.background, str) else None for f in contract.categorical]
        self._number_words = [number_words(feature, contract.usual_of) for feature in contract.numeric]
        self._word_words = [word_words(feature, contract.usual_of) for feature in contract.categorical]

    def reasons(
        self,
        numeric: NDArray[np.float32],
        categorical: NDArray[np.object_],
        closest: Rows,
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
        for begin in range(0, len(first), PART_ROWS):
            part = first[begin : begin + PART_ROWS]
            some = numeric[part], categorical[part]
            rows, columns, falls = self.falls(*some, closest[part], unknown[part])
            texts += self._tell(*some, *heaviest(rows, columns, falls, unknown[part]))
        return [texts[i] for i in inverse]

    def falls(
        self,
        numeric: NDArray[np.float32],
        categorical: NDArray[np.object_],
        closest: Rows,
        unknown: NDArray[np.bool_],
    ) -> tuple[Rows, Rows, NDArray[np.float64]]:
        """How far each verdict falls when one feature is as in harmless traffic.

        Args:
            numeric, categorical, closest, unknown: as in `reasons`.
        Returns:
            row, column and fall in log-odds of every value that is not the harmless one, in the order of the rows and
            then the columns; the words' columns follow the numbers'.
        """
        rows, columns = self._differences(numeric, categorical)
        n = len(closest)
        owner = np.concatenate([np.arange(n), rows])  # the rows themselves first, then the copies
        some_numeric, some_categorical = numeric[owner], categorical[owner]
        self._occlude(some_numeric, some_categorical, columns, offset=n)
        of_unknown = unknown[owner]
        score = np.empty(len(owner))
        for some, output in ((~of_unknown, PROBABILITIES_OUTPUT), (of_unknown, NOVELTY_OUTPUT)):
            places = np.flatnonzero(some)
            for begin in range(0, len(places), CHUNK_ROWS):
                part = places[begin : begin + CHUNK_ROWS]
                answer = self.artifact.run_one(output, some_numeric[part], some_categorical[part])
                score[part] = (
                    log_odds(answer, closest[owner[part]])
                    if output == PROBABILITIES_OUTPUT
                    else log_odds_of_novelty(answer)
                )
        return rows, columns, score[rows] - score[n:]

    def _differences(self, numeric: NDArray[np.float32], categorical: NDArray[np.object_]) -> tuple[Rows, Rows]:
        """Row and column of every value that is not the harmless one."""
        odd_numbers = (numeric != self._usual_numbers) & ~self._no_number
        odd_words = np.zeros(categorical.shape, np.bool_)
        for column, usual in enumerate(self._usual_words):
            if usual is not None:
                odd_words[:, column] = categorical[:, column] != usual
        rows, columns = np.nonzero(np.concatenate([odd_numbers, odd_words], axis=1))
        return rows, columns

    def _occlude(
        self, numeric: NDArray[np.float32], categorical: NDArray[np.object_], columns: Rows, *, offset: int
    ) -> None:
        """Put the harmless value into one column of each copy, in place."""
        split = len(self._usual_numbers)
        copies = np.arange(len(columns)) + offset
        is_number = columns < split
        numeric[copies[is_number], columns[is_number]] = self._usual_numbers[columns[is_number]]
        for column, usual in enumerate(self._usual_words):
            categorical[copies[columns == split + column], column] = usual

    def _tell(
        self, numeric: NDArray[np.float32], categorical: NDArray[np.object_], rows: Rows, columns: Rows
    ) -> list[list[str]]:
        """Sentences of these values, one list a row."""
        split = len(self._usual_numbers)
        reasons: list[list[str]] = [[] for _ in range(len(numeric))]
        told: dict[tuple[int, float | str], str] = {}
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
            value = float(numeric[row, column]) if column < split else str(categorical[row, column - split])
            text = told.get((column, value))
            if text is None:
                text = told[column, value] = self._sentence(column, value)
            reasons[row].append(text)
        return reasons

    def _sentence(self, column: int, value: float | str) -> str:
        split = len(self._usual_numbers)
        tell: Callable[..., str] = self._number_words[column] if column < split else self._word_words[column - split]
        return tell(value)


def heaviest(rows: Rows, columns: Rows, falls: NDArray[np.float64], unknown: NDArray[np.bool_]) -> tuple[Rows, Rows]:
    """Row and column of the `MOST` heaviest values of each row, the heaviest first, ties in the features' order.

    Args:
        rows, columns, falls: as `Explainer.falls` gives them.
        unknown: shape (n,), where the falls are the novelty's.
    """
    weighs = falls >= np.where(unknown[rows], MIN_LOG_ODDS_NOVELTY, MIN_LOG_ODDS)  # NaN does not
    rows, columns, falls = rows[weighs], columns[weighs], falls[weighs]
    order = np.lexsort((columns, -falls, rows))
    rows, columns = rows[order], columns[order]
    place = np.arange(len(rows)) - np.searchsorted(rows, rows)
    return rows[place < MOST], columns[place < MOST]


def log_odds(probabilities: NDArray[np.float32], label: Rows) -> NDArray[np.float64]:
    """Log-odds of one label in each row, shape (n,).

    The odds are taken against the sum of the others and not as p / (1 - p): near 1 float32 has no digits left there.
    """
    rows = np.arange(len(label))
    of_label = probabilities[rows, label].astype(np.float64)
    others = probabilities.copy()
    others[rows, label] = 0.0
    sums = (others @ np.ones(others.shape[1], np.float32)).astype(np.float64)
    odds: NDArray[np.float64] = np.log(np.maximum(of_label, _TINY)) - np.log(np.maximum(sums, _TINY))
    return odds


def log_odds_of_novelty(novelty: NDArray[np.float32]) -> NDArray[np.float64]:
    """Log-odds of a novelty, shape (n,): its steps count alike near 0, in the middle and near 1."""
    value = novelty.astype(np.float64)
    odds: NDArray[np.float64] = np.log(np.maximum(value, _EPSILON)) - np.log(np.maximum(1.0 - value, _EPSILON))
    return odds


def _distinct(
    numeric: NDArray[np.float32], categorical: NDArray[np.object_], closest: Rows, unknown: NDArray[np.bool_]
) -> tuple[Rows, Sequence[int]]:
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
