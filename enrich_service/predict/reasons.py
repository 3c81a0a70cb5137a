"""Why an alert: the features that weighed most, found by taking them away one at a time (occlusion).

    flagged row ──▶ copies, in each one feature as in harmless traffic ──▶ the same graph ──▶ how far the verdict falls
      count 511       count 2, all else the same                                               11.3 in log-odds
                                               ──▶ "count is 511; 95 % of normal connections have at most 26"

What falls is the log-odds of the closest label, the novelty held still, or of the novelty where the verdict is
`unknown`. Only the features that differ from the harmless value need a copy, and equal rows are explained once: a flood
is one row a thousand times.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial

import numpy as np
from numpy.typing import NDArray

from contract.artifact.contract import NOVELTY_OUTPUT
from enrich_service.model.artifact import Artifact
from enrich_service.predict.features import row_keys
from enrich_service.predict.sentences import number_words, word_words

MOST = 3
"""Reasons for one document: what a person takes in at a glance."""
CHUNK_ROWS = 1024
"""Copies in one run of the graph: a tenth faster than with 256, where the calls weigh, and a little than with 2,048."""
PART_ROWS = 1000
"""Rows whose copies are made together; bounds the memory whatever the page holds."""
MIN_LOG_ODDS = 0.1
"""A feature that moves the label's log-odds by less weighs nothing: the odds change by a tenth."""
MIN_LOG_ODDS_NOVELTY = 0.005
"""The same for the novelty, far above what float32 leaves uncertain. A row may be new in two ways at once, and then
each value alone moves it little; the heaviest of them still says where to look.
"""
SENTENCES = 8192
"""Sentences that are kept, about 2 MB: counts and rates of a flood come again and again."""
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
        self._sentence = lru_cache(SENTENCES)(self._tell_one)

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
        texts: list[list[str]] = [[]] * len(closest)
        if not len(closest):
            return texts
        first, inverse = _distinct(numeric, categorical, closest, unknown)
        for of_novelty in (False, True):
            kinds = np.flatnonzero(unknown[first] == of_novelty)
            for begin in range(0, len(kinds), PART_ROWS):
                part = kinds[begin : begin + PART_ROWS]
                rows = first[part]
                found = self.falls(numeric[rows], categorical[rows], closest[rows], of_novelty=of_novelty)
                told = self._tell(numeric[rows], categorical[rows], *heaviest(*found, of_novelty=of_novelty))
                for kind, text in zip(part.tolist(), told, strict=True):
                    texts[kind] = text
        return [texts[kind] for kind in inverse]

    def falls(
        self, numeric: NDArray[np.float32], categorical: NDArray[np.object_], closest: Rows, *, of_novelty: bool
    ) -> tuple[Rows, Rows, NDArray[np.float64]]:
        """How far each verdict falls when one feature is as in harmless traffic.

        Args:
            numeric, categorical, closest: as in `reasons`.
            of_novelty: the verdict is `unknown` in all these rows; else it is their closest label.
        Returns:
            row, column and fall in log-odds of every value that is not the harmless one, in the order of the rows and
            then the columns; the words' columns follow the numbers'.
        """
        rows, columns = self._differences(numeric, categorical)
        n = len(closest)
        owner = np.concatenate([np.arange(n), rows])  # the rows themselves first, then the copies
        some_numeric, some_categorical = numeric[owner], categorical[owner]
        self._occlude(some_numeric, some_categorical, columns, offset=n)
        run = partial(self.artifact.run_one, NOVELTY_OUTPUT) if of_novelty else self.artifact.run_label
        parts = [slice(begin, begin + CHUNK_ROWS) for begin in range(0, len(owner), CHUNK_ROWS)]
        answers = [run(some_numeric[part], some_categorical[part]) for part in parts]
        answer = np.concatenate(answers)
        score = log_odds_of_novelty(answer) if of_novelty else log_odds(answer, closest[owner])
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
        values = np.empty(len(rows), np.object_)
        is_number = columns < split
        values[is_number] = numeric[rows[is_number], columns[is_number]].tolist()
        values[~is_number] = categorical[rows[~is_number], columns[~is_number] - split]
        sentences = list(map(self._sentence, columns.tolist(), values.tolist()))
        ends = np.bincount(rows, minlength=len(numeric)).cumsum().tolist()
        return [sentences[begin:end] for begin, end in zip([0, *ends], ends, strict=False)]

    def _tell_one(self, column: int, value: float | str) -> str:
        split = len(self._usual_numbers)
        tell: Callable[..., str] = self._number_words[column] if column < split else self._word_words[column - split]
        return tell(value)


def heaviest(rows: Rows, columns: Rows, falls: NDArray[np.float64], *, of_novelty: bool) -> tuple[Rows, Rows]:
    """Row and column of the `MOST` heaviest values of each row, the heaviest first, ties in the features' order.

    Args:
        rows, columns, falls: as `Explainer.falls` gives them.
        of_novelty: the falls are the novelty's.
    """
    least = MIN_LOG_ODDS_NOVELTY if of_novelty else MIN_LOG_ODDS
    weights = np.full((rows.max(initial=-1) + 1, columns.max(initial=-1) + 1), -np.inf)
    weights[rows, columns] = np.where(falls >= least, falls, -np.inf)  # NaN weighs nothing
    every = np.arange(len(weights))
    found = []
    for _ in range(min(MOST, weights.shape[1])):
        place = weights.argmax(axis=1)
        found.append(np.where(weights[every, place] > -np.inf, place, -1))
        weights[every, place] = -np.inf
    if not found:
        return rows[:0], columns[:0]
    top = np.stack(found, axis=1)
    which, rank = np.nonzero(top >= 0)
    return which, top[which, rank]


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
    rows = list(zip(row_keys(numeric, categorical), closest.tolist(), unknown.tolist(), strict=True))
    kinds = dict.fromkeys(rows)
    first_of = dict(zip(reversed(rows), range(len(rows) - 1, -1, -1), strict=True))
    place_of = dict(zip(kinds, range(len(kinds)), strict=True))
    first = np.fromiter(map(first_of.__getitem__, kinds), np.intp, len(kinds))
    return first, list(map(place_of.__getitem__, rows))
