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
from converter.proof.measures import (
    is_odd,
    label_places,
    of_confusion,
    of_scores,
    of_values,
    rounded,
    scores_alert_below,
)

SLACK = 0.02
"""By how much accuracy may stay below what the user expects."""
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
        found = outputs[VALUE_OUTPUT].astype(np.float64)
        return Proof(len(truth), of_values(found, _numbers(truth, labelled)), "r2")
    verdicts = VerdictRule(contract).of(outputs)
    if contract.task == "anomaly":
        odd = is_odd(truth, contract)
        if odd.all() or not odd.any():
            raise InputError(
                "all rows have the same truth, so nothing can be measured; give rows of both, harmless ones named as "
                f"the contract's first label or {', '.join(HARMLESS)}"
            )
        score = outputs[SCORE_OUTPUT].astype(np.float64)
        return Proof(len(truth), of_scores(score, odd, verdicts.attack, below=scores_alert_below(contract)), "roc_auc")
    names = [label.name for label in contract.labels]
    confusion = np.zeros((len(names), len(names)), np.int64)
    np.add.at(confusion, (_places(truth, contract, labelled), verdicts.closest), 1)
    return Proof(len(truth), of_confusion(confusion, names), "macro_f1", *_better_order(confusion, names))


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


def _better_order(confusion: NDArray[np.int64], names: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """The order of the labels that fits the model's outputs best, in words too, if it is far better than this one."""
    truth, outputs = linear_sum_assignment(confusion, maximize=True)
    rows = int(confusion.sum())
    accuracy = confusion[truth, outputs].sum() / rows
    if accuracy < confusion.trace() / rows + GAIN:
        return "", ()
    order = [names[place] for place in truth[np.argsort(outputs)]]
    words = f"with the labels in the order {', '.join(order)} the accuracy is {rounded(accuracy)}: write them so"
    return words, tuple(order)


def _numbers(truth: Sequence[Any], labelled: LabelledRows) -> NDArray[np.float64]:
    found = []
    for value, number in zip(truth, labelled.numbers, strict=True):
        try:
            found.append(to_number("truth", value))
        except DocumentError:
            raise InputError(f"row {number}: the truth {shorten(value)} is no number; correct it") from None
    return np.array(found)
