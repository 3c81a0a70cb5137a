"""The figures of each task, from numbers alone: `evaluate` uses them for files and for stored documents.

confusion ──────────▶ accuracy, macro-F1    ┐
values and truth ───▶ mean error, R2        ├─ each beside what guessing gives
scores and truth ───▶ ROC AUC, found        ┘
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contract.artifact.contract import ModelContract
from converter.describe.column import label_word
from converter.describe.labels import HARMLESS

DIGITS = 4
CHANCE_AUC = 0.5


def label_places(contract: ModelContract) -> dict[str, int]:
    """By a truth as files write it, the label's place: its name, or its original spelling."""
    original = contract.training.get("label_words", {})
    places = {label.name: place for place, label in enumerate(contract.labels)}
    return places | {str(original[name]): place for name, place in places.items() if name in original}


def is_odd(truth: Sequence[Any], contract: ModelContract) -> NDArray[np.bool_]:
    """Which rows the truth calls an anomaly, shape (n,)."""
    harmless = {contract.labels[0].name.lower(), *HARMLESS, ""}
    return np.array([label_word(value).lower() not in harmless for value in truth], np.bool_)


def of_confusion(confusion: NDArray[np.int64], names: Sequence[str]) -> dict[str, Any]:
    """The figures of a classification.

    Args:
        confusion: shape (n_labels, n_labels), truth against prediction; not all zero.
        names: of the labels.
    """
    rows = int(confusion.sum())
    guess = np.zeros_like(confusion)
    guess[:, int(confusion.sum(axis=1).argmax())] = confusion.sum(axis=1)
    pairs = {
        name: {found: int(count) for found, count in zip(names, row, strict=True) if count}
        for name, row in zip(names, confusion, strict=True)
        if row.any()
    }
    return {
        "accuracy": rounded(confusion.trace() / rows),
        "guessing_accuracy": rounded(guess.trace() / rows),
        "macro_f1": _macro_f1(confusion),
        "guessing_macro_f1": _macro_f1(guess),
        "confusion": pairs,
    }


def of_values(found: NDArray[np.float64], truth: NDArray[np.float64]) -> dict[str, Any]:
    """The figures of a regression; both arrays have shape (n,), n > 0."""
    spread = float(((truth - truth.mean()) ** 2).sum())
    return {
        "mean_absolute_error": rounded(np.abs(found - truth).mean()),
        "guessing_mean_absolute_error": rounded(np.abs(truth - np.median(truth)).mean()),
        "r2": rounded(1 - float(((found - truth) ** 2).sum()) / spread) if spread else 0.0,
        "guessing_r2": 0.0,
    }


def of_scores(
    score: NDArray[np.float64], odd: NDArray[np.bool_], alerts: NDArray[np.bool_], *, below: bool
) -> dict[str, Any]:
    """The figures of an anomaly detector; the arrays have shape (n,), and some rows are odd, some are not.

    Args:
        score: of each row.
        odd: whether the truth calls the row an anomaly.
        alerts: whether the row alerts.
        below: whether low scores are the odd ones.
    """
    return {
        "roc_auc": rounded(_auc(-score if below else score, odd)),
        "guessing_roc_auc": CHANCE_AUC,
        "found": rounded(alerts[odd].mean()),
        "false_alerts": rounded(alerts[~odd].mean()),
    }


def scores_alert_below(contract: ModelContract) -> bool:
    """Whether low scores are the odd ones."""
    return contract.score is not None and contract.score.alerts == "below"


def rounded(value: float | np.floating[Any]) -> float:
    """A figure with as many digits as we show."""
    return round(float(value), DIGITS)


def _macro_f1(confusion: NDArray[np.int64]) -> float:
    """The mean F1 of the labels that occur in the truth."""
    hits = confusion.diagonal()
    both = confusion.sum(axis=0) + confusion.sum(axis=1)
    there = confusion.sum(axis=1) > 0
    return rounded((2 * hits[there] / np.maximum(both[there], 1)).mean())


def _auc(score: NDArray[np.float64], odd: NDArray[np.bool_]) -> float:
    """The chance that an odd row scores above another one; equal scores count half (Mann and Whitney, 1947)."""
    values, which = np.unique(score, return_inverse=True)
    counts = np.bincount(which, minlength=len(values))
    ranks = np.cumsum(counts) - (counts - 1) / 2
    n_odd = int(odd.sum())
    return float((ranks[which][odd].sum() - n_odd * (n_odd + 1) / 2) / (n_odd * (len(odd) - n_odd)))
