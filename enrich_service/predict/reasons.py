"""Reasons of an alert: the features that weighed most, found by replacing one feature at a time (occlusion).

    flagged row ──▶ copies, each with one harmless value ──▶ the same graph ──▶ how far the verdict falls
      count 511       count 2, the rest unchanged                               11.3 in log-odds
                                               ──▶ "count is 511; 95 % of normal connections have at most 26"

For an attack, the fall is that of the closest label's log-odds, with the novelty held at 0. For the verdict `unknown`
it is that of the novelty. For a value or a score it is the share by which it comes back, and if the graph gives the
deviation of each number, the reasons are the numbers that deviate most. Only features that differ from the harmless
value need a copy. The label's usual reasons come first; if one of them lowers the label far enough, the others are not
tried (decision 0047). Equal rows are explained once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contract.artifact.contract import DEVIATIONS_OUTPUT, NOVELTY_OUTPUT, ModelContract
from contract.occlusion import LEAST_FALL, Occlusion, log_odds
from contract.onnx.session import first_line
from enrich_service.model.artifact import RUNTIME_ERRORS, Artifact
from enrich_service.predict.features import RowKey, row_keys
from enrich_service.predict.predict import Predictions
from enrich_service.predict.sentences import number_words, word_words

log = logging.getLogger(__name__)

MOST = 3
"""Most reasons of one document: a person reads three at a glance."""
CHUNK_ROWS = 1024
"""Copies in one run of the graph. 256 are 10 % slower because of more calls; 2,048 are slightly slower."""
LEAST_FALL_OF_NOVELTY = 0.005
"""As `LEAST_FALL`, for the novelty; far above the rounding of float32. If a row is new in two ways at once, each value
alone changes the novelty little, and the heaviest one still shows where to look.
"""
LEAST_SHARE = 0.05
"""As `LEAST_FALL`, for values and scores: the share of the way back to the bound, or of the score itself."""
SENTENCES = 8192
"""Cached sentences, about 2 MB: a flood repeats the same counts and rates."""
_EPSILON = float(np.finfo(np.float32).eps)
"""Smallest distance from 1 that a float32 novelty can have."""

Rows = NDArray[np.intp]
Falls = tuple[Rows, Rows, NDArray[np.float64]]
"""Row, column and fall in log-odds of the values that were tried; columns count the floats first, then the strings."""


class Explainer:
    """Finds the reasons of one model's verdicts; create it once for a model."""

    def __init__(self, artifact: Artifact) -> None:
        self.artifact = artifact
        contract = artifact.contract
        self._occlusion = Occlusion(contract)
        self._usual, self._usual_fall = _usual_reasons(contract)
        self._is_of_labels = contract.task == "classification"
        self._run = artifact.run_label if self._is_of_labels else partial(artifact.run_one, contract.outputs[0])
        usual = artifact.usual
        describe: list[Callable[[Any], str]] = [
            *(number_words(feature, usual.usual_of) for feature in usual.numeric),
            *(word_words(feature, usual.usual_of) for feature in usual.categorical),
        ]
        self._sentence = lru_cache(SENTENCES)(lambda column, value: describe[column](value))

    def reasons(
        self,
        numeric: NDArray[np.float32],
        categorical: NDArray[np.object_],
        closest: Rows,
        unknown: NDArray[np.bool_],
        deviations: NDArray[np.float32] | None = None,
    ) -> list[list[str]]:
        """The features that weighed most in each verdict, as text, the heaviest first.

        Args:
            numeric: shape (n, n_numeric), the flagged rows.
            categorical: shape (n, n_categorical).
            closest: shape (n,), their closest labels.
            unknown: shape (n,), explain the novelty of these rows and not their label.
            deviations: shape (n, n_numeric), how far each number is from what the model expects.
        """
        if deviations is not None:
            rows, columns = np.indices(deviations.shape).reshape(2, -1)
            shares = shares_of(deviations, self.artifact.contract).ravel()
            return self._sentences(numeric, categorical, *heaviest(rows, columns, shares, least=LEAST_SHARE))
        texts: list[list[str]] = [[]] * len(closest)
        first, inverse = _distinct(numeric, categorical, closest, unknown)
        at_once = self._occlusion.rows_at_once
        for of_novelty in (False, True):
            kinds = np.flatnonzero(unknown[first] == of_novelty)
            for begin in range(0, len(kinds), at_once):
                part = kinds[begin : begin + at_once]
                rows = first[part]
                found = self.falls(numeric[rows], categorical[rows], closest[rows], of_novelty=of_novelty)
                heavy = heaviest(*found, least=self._least(of_novelty))
                sentences = self._sentences(numeric[rows], categorical[rows], *heavy)
                for kind, text in zip(part.tolist(), sentences, strict=True):
                    texts[kind] = text
        return [texts[kind] for kind in inverse]

    def falls(
        self, numeric: NDArray[np.float32], categorical: NDArray[np.object_], closest: Rows, *, of_novelty: bool
    ) -> Falls:
        """How far each verdict falls when one feature takes its harmless value.

        Args:
            numeric, categorical, closest: as in `reasons`.
            of_novelty: the verdict of all these rows is `unknown`; otherwise it is their closest label.
        Returns:
            the falls of the values that were tried; the others weigh less, or are harmless themselves.
        """
        score = partial(self._score, numeric, categorical, closest, of_novelty=of_novelty)
        differs = self._occlusion.differences(numeric, categorical)
        usual = differs if of_novelty else differs & self._usual[closest]
        before, (rows, columns, falls) = score(*np.nonzero(usual))
        best = np.full(len(closest), -np.inf)
        np.fmax.at(best, rows, falls)
        left = differs & ~usual & (best < self._usual_fall[closest])[:, np.newaxis]
        if not left.any():
            return rows, columns, falls
        _, more = score(*np.nonzero(left), before=before)
        return np.concatenate([rows, more[0]]), np.concatenate([columns, more[1]]), np.concatenate([falls, more[2]])

    def _score(
        self,
        numeric: NDArray[np.float32],
        categorical: NDArray[np.object_],
        closest: Rows,
        rows: Rows,
        columns: Rows,
        *,
        of_novelty: bool,
        before: NDArray[np.float64] | None = None,
    ) -> tuple[NDArray[np.float64], Falls]:
        """The log-odds of the rows themselves (computed unless `before` has them), and the falls of these copies."""
        numbers, words = self._occlusion.copies(numeric, categorical, rows, columns)
        owner = rows
        if before is None:
            numbers, words = np.concatenate([numeric, numbers]), np.concatenate([categorical, words])
            owner = np.concatenate([np.arange(len(closest)), rows])
        run = partial(self.artifact.run_one, NOVELTY_OUTPUT) if of_novelty else self._run
        parts = [slice(begin, begin + CHUNK_ROWS) for begin in range(0, len(owner), CHUNK_ROWS)]
        answer = np.concatenate([run(numbers[part], words[part]) for part in parts])
        odds = log_odds_of_novelty(answer) if of_novelty else self._strength(answer, closest[owner])
        if before is None:
            before, odds = odds[: len(closest)], odds[len(closest) :]
        falls = before[rows] - odds
        return before, (rows, columns, falls if self._is_of_labels else falls / _beyond_0(before)[rows])

    def _strength(self, answer: NDArray[np.float32], label: Rows) -> NDArray[np.float64]:
        """How strong the verdict is on rows with these closest labels, shape (n,)."""
        contract = self.artifact.contract
        if contract.several_labels:
            return log_odds_of_novelty(answer[np.arange(len(label)), label])
        if self._is_of_labels:
            return log_odds(answer, label)
        return how_far(answer, contract)

    def _least(self, of_novelty: bool) -> float:
        """The smallest fall that is a reason."""
        if of_novelty:
            return LEAST_FALL_OF_NOVELTY
        return LEAST_FALL if self._is_of_labels else LEAST_SHARE

    def _sentences(
        self, numeric: NDArray[np.float32], categorical: NDArray[np.object_], rows: Rows, columns: Rows
    ) -> list[list[str]]:
        """The sentences of these values, a list for each row."""
        split = numeric.shape[1]
        values = np.empty(len(rows), np.object_)
        is_number = columns < split
        values[is_number] = numeric[rows[is_number], columns[is_number]].tolist()
        values[~is_number] = categorical[rows[~is_number], columns[~is_number] - split]
        sentences = list(map(self._sentence, columns.tolist(), values.tolist()))
        ends = np.bincount(rows, minlength=len(numeric)).cumsum().tolist()
        return [sentences[begin:end] for begin, end in zip([0, *ends], ends, strict=False)]


def flagged_reasons(explainer: Explainer, predictions: Predictions) -> dict[int, list[str]]:
    """Reasons of the rows that are an attack or unknown, by row; none if the model fails on the copies."""
    unknown = predictions.unknown
    flagged = np.flatnonzero(predictions.attack | unknown)
    if not len(flagged):
        return {}
    rows, deviations = predictions.rows, predictions.outputs.get(DEVIATIONS_OUTPUT)
    try:
        texts = explainer.reasons(
            rows.numeric[flagged],
            rows.categorical[flagged],
            predictions.closest[flagged],
            unknown[flagged],
            None if deviations is None else deviations[flagged],
        )
    except RUNTIME_ERRORS as error:
        log.warning("cannot compute reasons for %d rows, their verdicts are kept: %s", len(flagged), first_line(error))
        return {}
    return dict(zip(flagged.tolist(), texts, strict=True))


def shares_of(deviations: NDArray[np.float32], contract: ModelContract) -> NDArray[np.float64]:
    """The share of each number in its row's score, shape (n, n_numeric); a row without deviations has none."""
    parts = deviations.astype(np.float64)
    if contract.score is not None and contract.score.measure == "mse":
        parts = parts * parts
    shares: NDArray[np.float64] = parts / np.maximum(parts.sum(axis=1, keepdims=True), np.finfo(np.float64).tiny)
    return shares


def how_far(answer: NDArray[np.float32], contract: ModelContract) -> NDArray[np.float64]:
    """How far values or scores are beyond the contract's bounds, shape (n,); below 0 within them."""
    found = answer.astype(np.float64)
    if contract.score is not None:
        threshold = contract.score.threshold or 0.0
        return found - threshold if contract.score.alerts == "above" else threshold - found
    value = contract.value
    above = found - (np.inf if value is None or value.high is None else value.high)
    below = (-np.inf if value is None or value.low is None else value.low) - found
    return np.maximum(above, below)


def _beyond_0(far: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.maximum(far, _EPSILON)


def _usual_reasons(contract: ModelContract) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """The features to try first, shape (n_labels, n_features), and the smallest fall that is enough, shape (n_labels,).

    For a label without usual reasons, as in older artifacts, all features come first.
    """
    columns = [feature.name for feature in (*contract.numeric, *contract.categorical)]
    usual = np.array(
        [[not label.usual_reasons or name in label.usual_reasons for name in columns] for label in contract.labels]
    )
    return usual, np.array([label.usual_fall or 0.0 for label in contract.labels])


def heaviest(rows: Rows, columns: Rows, falls: NDArray[np.float64], *, least: float) -> tuple[Rows, Rows]:
    """Row and column of the `MOST` heaviest values of each row, the heaviest first; equals in the features' order.

    Args:
        rows, columns, falls: as `Explainer.falls` gives them.
        least: a smaller fall is no reason.
    """
    weights = np.full((rows.max(initial=-1) + 1, columns.max(initial=-1) + 1), -np.inf)
    weights[rows, columns] = np.where(falls >= least, falls, -np.inf)  # NaN weighs nothing
    top = (-weights).argsort(axis=1, kind="stable")[:, :MOST]
    which, rank = (weights[np.arange(len(weights))[:, None], top] > -np.inf).nonzero()
    return which, top[which, rank]


def log_odds_of_novelty(novelty: NDArray[np.float32]) -> NDArray[np.float64]:
    """Log-odds of a novelty, shape (n,); they make steps near 0, in the middle and near 1 comparable."""
    value = novelty.astype(np.float64)
    odds: NDArray[np.float64] = np.log(np.maximum(value, _EPSILON)) - np.log(np.maximum(1.0 - value, _EPSILON))
    return odds


def _distinct(
    numeric: NDArray[np.float32], categorical: NDArray[np.object_], closest: Rows, unknown: NDArray[np.bool_]
) -> tuple[Rows, Sequence[int]]:
    """The first row of each kind of equal rows, and the kind of every row."""
    kind_of: dict[tuple[RowKey, int, bool], int] = {}
    first: list[int] = []
    inverse: list[int] = []
    keys = zip(row_keys(numeric, categorical), closest.tolist(), unknown.tolist(), strict=True)
    for row, key in enumerate(keys):
        kind = kind_of.setdefault(key, len(first))
        if kind == len(first):
            first.append(row)
        inverse.append(kind)
    return np.array(first, np.intp), inverse
