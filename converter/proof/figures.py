"""Measure a model against the truth, beside what guessing gives, before anybody serves it.

rows, truth ─▶ graph ─▶ accuracy, macro-F1, confusion │ mean error, R2 │ ROC AUC ─▶ better than guessing? ─▶ Proof
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from contract.artifact.contract import SCORE_OUTPUT, VALUE_OUTPUT, ModelContract
from contract.artifact.verdict import VerdictRule
from contract.errors import ConversionError, DocumentError, InputError, shorten
from contract.values import to_number
from converter.describe.column import label_word
from converter.describe.labels import HARMLESS
from converter.onnx_run import Outputs
from converter.proof.labelled_rows import LabelledRows

SLACK = 0.02
"""By how much accuracy may stay below what the user expects."""
DIGITS = 4
CHANCE_AUC = 0.5
GAIN = 0.1
"""By how much the accuracy must grow with labels in another order before that order is named."""
_ANOTHER_ORDER = (
    "the features, words or labels of the contract may stand in another order than the model's, or its inputs were "
    "scaled outside of it"
)


@dataclass(frozen=True, slots=True)
class Proof:
    """The figures of a model on labelled rows."""

    rows: int
    figures: dict[str, Any]
    """By name; those of guessing begin with `guessing_`."""
    measure: str
    """The figure by which it is compared with guessing."""
    better_order: str = ""
    """The order of the labels with which a classification is far more often right, and how often; empty if none is."""
    order: tuple[str, ...] = ()
    """That order."""

    @property
    def beats_guessing(self) -> bool:
        """Whether the model knows more than the most frequent label, the mean, or a coin."""
        return bool(self.figures[self.measure] > self.figures[f"guessing_{self.measure}"])


def prove(outputs: Outputs, contract: ModelContract, labelled: LabelledRows) -> Proof:
    """Compare the graph's outputs with the truth.

    Args:
        outputs: of these rows, by name.
        contract: names the task and the labels.
        labelled: the rows with their truth.
    Raises:
        InputError: a truth is no label of the contract, or no number.
    """
    truth = labelled.truth or []
    if contract.task == "regression":
        return _of_values(outputs[VALUE_OUTPUT].astype(np.float64), _numbers(truth, labelled), len(truth))
    if contract.task == "anomaly":
        return _of_scores(outputs[SCORE_OUTPUT].astype(np.float64), is_odd(truth, contract), contract, len(truth))
    return _of_labels(VerdictRule(contract).of(outputs).closest, _places(truth, contract, labelled), contract)


def require(proof: Proof, *, expected_accuracy: float | None = None) -> None:
    """Stop where a model is no better than guessing, or worse than expected.

    Raises:
        ConversionError: it is; names the figures and what to do.
    """
    figures = proof.figures
    if not proof.beats_guessing:
        raise ConversionError(
            f"the model knows no more than guessing: {proof.measure.replace('_', ' ')} {figures[proof.measure]}, "
            f"guessing {figures[f'guessing_{proof.measure}']}; {proof.better_order or _ANOTHER_ORDER}; --force "
            f"writes it all the same"
        )
    if proof.better_order:
        raise ConversionError(
            f"accuracy is {figures['accuracy']}, and {proof.better_order}; --force writes it all the same"
        )
    accuracy = figures.get("accuracy")
    if expected_accuracy is not None and accuracy is None:
        raise ConversionError("--expect-accuracy is for a classification; leave it out")
    if expected_accuracy is not None and accuracy is not None and accuracy < expected_accuracy - SLACK:
        raise ConversionError(
            f"accuracy is {accuracy}, and you expect {expected_accuracy}; {_ANOTHER_ORDER}; "
            f"--force writes it all the same"
        )


def label_places(contract: ModelContract) -> dict[str, int]:
    """By a truth as files write it, the label's place: its name, or its original spelling."""
    original = contract.training.get("label_words", {})
    places = {label.name: place for place, label in enumerate(contract.labels)}
    return places | {str(original[name]): place for name, place in places.items() if name in original}


def _places(truth: Sequence[Any], contract: ModelContract, labelled: LabelledRows) -> NDArray[np.intp]:
    known = label_places(contract)
    found = []
    for value, number in zip(truth, labelled.numbers, strict=True):
        word = label_word(value)
        if word not in known:
            raise InputError(
                f"row {number}: the truth {shorten(word)} is no label of the contract; there are "
                f"{', '.join(map(shorten, list(known)[:12]))}"
            )
        found.append(known[word])
    return np.array(found, np.intp)


def _of_labels(found: NDArray[np.intp], truth: NDArray[np.intp], contract: ModelContract) -> Proof:
    n = len(contract.labels)
    confusion = np.zeros((n, n), np.int64)
    np.add.at(confusion, (truth, found), 1)
    most = int(np.bincount(truth, minlength=n).argmax())
    guess = np.zeros((n, n), np.int64)
    guess[:, most] = confusion.sum(axis=1)
    names = [label.name for label in contract.labels]
    pairs = {
        names[row]: {names[column]: int(confusion[row, column]) for column in np.flatnonzero(confusion[row])}
        for row in range(n)
        if confusion[row].any()
    }
    return Proof(
        len(truth),
        {
            "accuracy": _rounded(confusion.trace() / len(truth)),
            "guessing_accuracy": _rounded(guess.trace() / len(truth)),
            "macro_f1": _macro_f1(confusion),
            "guessing_macro_f1": _macro_f1(guess),
            "confusion": pairs,
        },
        "macro_f1",
        *_better_order(confusion, names),
    )


def _better_order(confusion: NDArray[np.int64], names: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """The order of the labels that fits the model's outputs best, in words too, if it is far better than this one."""
    truth, outputs = linear_sum_assignment(confusion, maximize=True)
    rows = int(confusion.sum())
    accuracy = confusion[truth, outputs].sum() / rows
    if accuracy < confusion.trace() / rows + GAIN:
        return "", ()
    order = [names[place] for place in truth[np.argsort(outputs)]]
    words = f"with the labels in the order {', '.join(order)} the accuracy is {_rounded(accuracy)}: write them so"
    return words, tuple(order)


def _macro_f1(confusion: NDArray[np.int64]) -> float:
    """The mean F1 of the labels that occur in the truth."""
    hits = confusion.diagonal()
    both = confusion.sum(axis=0) + confusion.sum(axis=1)
    there = confusion.sum(axis=1) > 0
    return _rounded((2 * hits[there] / np.maximum(both[there], 1)).mean())


def _of_values(found: NDArray[np.float64], truth: NDArray[np.float64], rows: int) -> Proof:
    spread = float(((truth - truth.mean()) ** 2).sum())
    return Proof(
        rows,
        {
            "mean_absolute_error": _rounded(np.abs(found - truth).mean()),
            "guessing_mean_absolute_error": _rounded(np.abs(truth - np.median(truth)).mean()),
            "r2": _rounded(1 - float(((found - truth) ** 2).sum()) / spread) if spread else 0.0,
            "guessing_r2": 0.0,
        },
        "r2",
    )


def _of_scores(score: NDArray[np.float64], odd: NDArray[np.bool_], contract: ModelContract, rows: int) -> Proof:
    below = contract.score is not None and contract.score.alerts == "below"
    if odd.all() or not odd.any():
        raise InputError(
            "all rows have the same truth, so nothing can be measured; give rows of both, harmless ones named as the "
            f"contract's first label or {', '.join(HARMLESS)}"
        )
    alerts = VerdictRule(contract).of({SCORE_OUTPUT: score.astype(np.float32)}).attack
    return Proof(
        rows,
        {
            "roc_auc": _rounded(_auc(-score if below else score, odd)),
            "guessing_roc_auc": CHANCE_AUC,
            "found": _rounded(alerts[odd].mean()),
            "false_alerts": _rounded(alerts[~odd].mean()),
        },
        "roc_auc",
    )


def _auc(score: NDArray[np.float64], odd: NDArray[np.bool_]) -> float:
    """The chance that an odd row scores above another one; equal scores count half (Mann and Whitney, 1947)."""
    values, which = np.unique(score, return_inverse=True)
    counts = np.bincount(which, minlength=len(values))
    ranks = np.cumsum(counts) - (counts - 1) / 2
    n_odd = int(odd.sum())
    return float((ranks[which][odd].sum() - n_odd * (n_odd + 1) / 2) / (n_odd * (len(odd) - n_odd)))


def is_odd(truth: Sequence[Any], contract: ModelContract) -> NDArray[np.bool_]:
    """Which rows the truth calls an anomaly, shape (n,)."""
    harmless = {contract.labels[0].name.lower(), *HARMLESS, ""}
    return np.array([label_word(value).lower() not in harmless for value in truth])


def _numbers(truth: Sequence[Any], labelled: LabelledRows) -> NDArray[np.float64]:
    found = []
    for value, number in zip(truth, labelled.numbers, strict=True):
        try:
            found.append(to_number("truth", value))
        except DocumentError:
            raise InputError(f"row {number}: the truth {shorten(value)} is no number; correct it") from None
    return np.array(found)


def _rounded(value: float | np.floating[Any]) -> float:
    return round(float(value), DIGITS)
