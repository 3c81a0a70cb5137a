"""Figures about predictions, in NumPy only. Each record is weighted by the number of rows that it stands for.

truth, prediction ─▶ confusion (n, n) ─▶ accuracy, recall, F1, cost
probabilities     ─▶ reliability (3, bins) ─▶ calibration error            score ─▶ ROC ─▶ area under it
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Weights = NDArray[np.integer] | NDArray[np.floating]
Confusion = NDArray[np.float64]
Curve = NDArray[np.float64]

COST = np.array(
    [
        [0, 1, 2, 2, 2],
        [1, 0, 2, 2, 2],
        [2, 1, 0, 2, 2],
        [3, 2, 2, 0, 2],
        [4, 2, 2, 2, 0],
    ],
    np.float64,
)
"""The official cost matrix of the KDD Cup 1999: rows actual, columns predicted, both normal, probe, dos, u2r, r2l.

Published by Charles Elkan with the results (https://cseweb.ucsd.edu/~elkan/clresults.html). The winner's mean cost on
the whole labelled test set was 0.2331.
"""

BINS = 15
"""Equally wide bins of the expected calibration error (Guo et al. 2017, "On Calibration of Modern Neural Networks")."""


def confusion(truth: NDArray[np.integer], predicted: NDArray[np.integer], n: int, weights: Weights) -> Confusion:
    """The confusion matrix: rows actual, columns predicted.

    Args:
        truth: shape (n_records,), 0 to n - 1.
        predicted: shape (n_records,), 0 to n - 1.
        n: number of classes.
        weights: shape (n_records,).
    """
    cells = np.bincount(truth * n + predicted, weights=weights, minlength=n * n)
    return cells.reshape(n, n).astype(np.float64)


def accuracy(matrix: Confusion) -> float:
    """Share of rows on the diagonal."""
    return ratio(np.trace(matrix), matrix.sum())


def recall(matrix: Confusion) -> NDArray[np.float64]:
    """Share of each class's rows that were predicted as this class; NaN for a class without rows."""
    return _ratios(np.diag(matrix), matrix.sum(axis=1))


def precision(matrix: Confusion) -> NDArray[np.float64]:
    """Share of the rows predicted as a class that belong to it; NaN for a class that was never predicted."""
    return _ratios(np.diag(matrix), matrix.sum(axis=0))


def f1(matrix: Confusion) -> NDArray[np.float64]:
    """Harmonic mean of precision and recall; 0 if nothing was right, NaN for a class that does not occur at all."""
    return _ratios(2 * np.diag(matrix), matrix.sum(axis=0) + matrix.sum(axis=1))


def macro_f1(matrix: Confusion) -> float:
    """Mean of `f1` over the classes in the truth or in the predictions, as scikit-learn computes it."""
    values = f1(matrix)
    return float(np.nanmean(values)) if not np.isnan(values).all() else float("nan")


def mean_cost(matrix: Confusion, cost: NDArray[np.float64] = COST) -> float:
    """Average cost of a row; both matrices must have the same order of classes."""
    return ratio((matrix * cost).sum(), matrix.sum())


def reliability(
    probabilities: NDArray[np.floating], truth: NDArray[np.integer], weights: Weights, bins: int = BINS
) -> NDArray[np.float64]:
    """Rows, sum of the stated probability, and right rows, for each bin of stated probability; shape (3, bins).

    Args:
        probabilities: shape (n_records, n_classes).
        truth: shape (n_records,); -1 if the row belongs to none of the classes, so every answer is wrong.
        weights: shape (n_records,).
        bins: number of bins, equally wide over 0 to 1.
    """
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == truth
    place = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    sums = [np.bincount(place, weights=weights * value, minlength=bins) for value in (1.0, confidence, right)]
    return np.stack(sums).astype(np.float64)


def calibration_error(table: NDArray[np.float64]) -> float:
    """Expected calibration error of a `reliability` table.

    It is the distance between the stated probability and the share that is right, averaged over rows.
    """
    return ratio(np.abs(table[1] - table[2]).sum(), table[0].sum())


def roc(scores: NDArray[np.floating], positive: NDArray[np.bool_], weights: Weights) -> tuple[Curve, Curve]:
    """False and true positive rates as the threshold falls from above the highest score; both from 0 to 1.

    Args:
        scores: shape (n_records,), higher means positive; equal scores pass the threshold together.
        positive: shape (n_records,).
        weights: shape (n_records,).
    Returns:
        two arrays of one length, NaN if there are no negatives or no positives.
    """
    order = np.argsort(-scores, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True)) if len(scores) else np.array([], np.int64)
    rates = []
    for side in (~positive, positive):
        passed = np.concatenate([[0.0], np.cumsum((weights * side)[order], dtype=np.float64)[ends]])
        rates.append(passed / passed[-1] if passed[-1] else np.full(len(passed), np.nan))
    return rates[0], rates[1]


def area_under(curve: tuple[Curve, Curve]) -> float:
    """Area under a `roc` curve: how often a positive row scores above a negative one; a tie counts half."""
    return float(np.trapezoid(curve[1], curve[0])) if len(curve[0]) > 1 else float("nan")


def ratio(part: float, whole: float) -> float:
    """A share; NaN if the whole is 0."""
    return float(part / whole) if whole else float("nan")


def _ratios(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    ratios = np.full(len(whole), np.nan)
    np.divide(part, whole, out=ratios, where=whole > 0)
    return ratios
