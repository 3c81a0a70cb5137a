"""Counts how stored predictions compare with the truth and with the analysts' verdicts, and computes the figures.

Judged ──┬─ truth ────▶ Counts ──┐
         ├─ verdict ──▶ Counts ──┼─ for each model version, and their sum ──▶ figures
         └─ neither can be compared ──▶ counted, by reason
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contract.artifact.contract import ModelContract
from contract.documents.feedback import TRUE_POSITIVE, confirmed_label
from contract.errors import DocumentError, shorten
from contract.kdd99.columns import UNKNOWN_LABEL
from contract.values import is_missing, to_number
from converter.describe.column import label_word
from converter.proof.measures import is_odd, label_places, of_confusion, of_scores, of_values, scores_alert_below
from oversight.commands.evaluate_show import by_label
from watcher.operations.truths import Judged

MOST_REASONS = 50
"""Most reasons and versions that are counted apart, so that documents of others cannot fill the memory."""
OTHER = "other"
OUTCOMES = {
    "right_alerts": "right alerts",
    "wrong_alerts": "wrong alerts",
    "missed": "missed: no alert, and it should be one",
    "right_quiet": "rightly no alert",
    "unknown_alerts": "unknown, and it should be an alert",
    "unknown_quiet": "unknown, and it should be none",
}
"""What a prediction turned out to be, in JSON and in words."""


@dataclass
class Counts:
    """Documents that could be compared with one kind of truth."""

    documents: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    confusion: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Of a classification: truth and the model's own answer."""
    numbers: array[float] = field(default_factory=lambda: array("d"))
    """Of a regression or anomaly: what was predicted. With `truths` and `alerts` 17 bytes a document."""
    truths: array[float] = field(default_factory=lambda: array("d"))
    """Of a regression: the true value. Of an anomaly: 1 if it is one."""
    alerts: array[int] = field(default_factory=lambda: array("b"))

    @classmethod
    def sum_of(cls, parts: Sequence[Counts]) -> Counts:
        """The counts of several parts together."""
        whole = cls()
        for part in parts:
            whole.documents += part.documents
            whole.outcomes.update(part.outcomes)
            whole.confusion.update(part.confusion)
            whole.numbers.extend(part.numbers)
            whole.truths.extend(part.truths)
            whole.alerts.extend(part.alerts)
        return whole

    def figures(self, contract: ModelContract) -> dict[str, Any] | None:
        """The figures as JSON has them; None if no document could be compared."""
        if not self.documents:
            return None
        return {
            "documents": self.documents,
            **{name: self.outcomes[name] for name in OUTCOMES},
            **self._measures(contract),
        }

    def _measures(self, contract: ModelContract) -> dict[str, Any]:
        if self.confusion:
            names = [label.name for label in contract.labels]
            matrix = self._matrix(names)
            return {**of_confusion(matrix, names), "by_label": by_label(matrix, names)}
        found, truth = np.array(self.numbers), np.array(self.truths)
        if contract.task == "regression" and len(found):
            return of_values(found, truth)
        odd = truth > 0
        if odd.any() and not odd.all():
            return of_scores(found, odd, np.array(self.alerts) > 0, below=scores_alert_below(contract))
        return {}

    def _matrix(self, names: list[str]) -> NDArray[np.int64]:
        place = {name: number for number, name in enumerate(names)}
        matrix = np.zeros((len(names), len(names)), np.int64)
        for (truth, found), documents in self.confusion.items():
            matrix[place[truth], place[found]] = documents
        return matrix


@dataclass
class Sides:
    """The counts by truth and by verdict."""

    by_truth: Counts = field(default_factory=Counts)
    by_verdict: Counts = field(default_factory=Counts)

    @property
    def compared(self) -> int:
        """How often a document was compared with a truth or a verdict."""
        return self.by_truth.documents + self.by_verdict.documents


class Tally:
    """Counts documents; `add` takes them one by one.

    Args:
        contract: the labels, and what a number means.
    """

    def __init__(self, contract: ModelContract) -> None:
        self.contract = contract
        self.truths = self.verdicts = 0
        """Documents that have a truth, and documents that have a verdict."""
        self.versions: dict[tuple[str, str], Sides] = {}
        """By name and version of the model."""
        self.left_out: Counter[str] = Counter()
        self._places = label_places(contract)
        self._names = [label.name for label in contract.labels]
        self._harmful = {label.name: label.severity > 0 for label in contract.labels}

    def add(self, judged: Judged) -> None:
        """Count one document."""
        has_truth = not is_missing(judged.truth)
        self.truths += has_truth
        self.verdicts += judged.verdict is not None
        if not has_truth and judged.verdict is None:
            return
        why = self._why_not(judged)
        if why is not None:
            self._leave_out(why)
            return
        version = self._version(judged)
        if has_truth:
            self._by_truth(judged, version.by_truth)
        if judged.verdict is not None:
            self._by_verdict(judged, version.by_verdict)

    @property
    def compared(self) -> int:
        """How often a document was compared with a truth or a verdict."""
        return sum(sides.compared for sides in self.versions.values())

    def facts(self) -> dict[str, Any]:
        """The counts and figures as JSON has them."""
        versions = [
            {"model": name, "version": version, **self._figures(sides)}
            for (name, version), sides in self.versions.items()
            if sides.compared
        ]
        return {
            "truths": self.truths,
            "verdicts": self.verdicts,
            **self._figures(*self.versions.values()),
            "versions": versions,
            "left_out": dict(self.left_out.most_common()),
        }

    def _figures(self, *sides: Sides) -> dict[str, Any]:
        return {
            "by_truth": Counts.sum_of([each.by_truth for each in sides]).figures(self.contract),
            "by_verdict": Counts.sum_of([each.by_verdict for each in sides]).figures(self.contract),
        }

    def _why_not(self, judged: Judged) -> str | None:
        """Return why a document cannot be compared, whatever its truth; None: it can."""
        if judged.label is None:
            return "the document has no prediction"
        if judged.label not in self._harmful and judged.label != UNKNOWN_LABEL:
            return f"the predicted label {shorten(judged.label)} is no label of the model"
        if judged.closest not in self._harmful:
            return f"the model's own answer {shorten(judged.closest)} is no label of the model"
        return None

    def _version(self, judged: Judged) -> Sides:
        key = (judged.model, judged.version)
        if key not in self.versions and len(self.versions) >= MOST_REASONS:
            key = (OTHER, OTHER)
        return self.versions.setdefault(key, Sides())

    def _by_truth(self, judged: Judged, counts: Counts) -> None:
        if self.contract.task == "classification":
            place = self._places.get(label_word(judged.truth))
            if place is None:
                self._leave_out(f"the truth {shorten(label_word(judged.truth))} is no label of the model")
                return
            self._by_label(judged, self._names[place], counts)
        elif judged.number is None:
            self._leave_out(f"the prediction has no number, so it is of another task than {self.contract.task}")
        elif self.contract.task == "anomaly":
            odd = bool(is_odd([judged.truth], self.contract)[0])
            self._count(judged, odd, counts, number=(judged.number, float(odd)))
        else:
            self._by_value(judged, judged.number, counts)

    def _by_value(self, judged: Judged, number: float, counts: Counts) -> None:
        word = label_word(judged.truth)
        if word in self._harmful:
            self._count(judged, self._harmful[word], counts)
            return
        try:
            truth = to_number("truth", judged.truth)
        except DocumentError:
            self._leave_out(f"the truth {shorten(word)} is no number")
            return
        bounds = self.contract.value
        low, high = (None, None) if bounds is None else (bounds.low, bounds.high)
        harmful = (low is not None and truth < low) or (high is not None and truth > high)
        self._count(judged, harmful, counts, number=(number, truth))

    def _by_verdict(self, judged: Judged, counts: Counts) -> None:
        if judged.forged is not None:
            self._leave_out(f"the verdict looks forged ({judged.forged})")
            return
        verdict = judged.verdict or ""
        label = confirmed_label(verdict, given=judged.given, predicted=judged.label, labels=self.contract.labels)
        if label is not None and self.contract.task == "classification":
            self._by_label(judged, label, counts)
            return
        harmful = verdict == TRUE_POSITIVE if label is None else self._harmful[label]
        self._count(judged, harmful, counts)

    def _by_label(self, judged: Judged, truth: str, counts: Counts) -> None:
        counts.confusion[truth, judged.closest or ""] += 1
        self._count(judged, self._harmful[truth], counts)

    def _count(
        self,
        judged: Judged,
        harmful: bool,
        counts: Counts,
        *,
        number: tuple[float, float] | None = None,
    ) -> None:
        """Count one comparison: what was predicted, and whether it should have alerted."""
        alerts = self._harmful.get(judged.label or "")
        if alerts is None:
            outcome = "unknown_alerts" if harmful else "unknown_quiet"
        elif alerts:
            outcome = "right_alerts" if harmful else "wrong_alerts"
        else:
            outcome = "missed" if harmful else "right_quiet"
        counts.documents += 1
        counts.outcomes[outcome] += 1
        if number is not None:
            counts.numbers.append(number[0])
            counts.truths.append(number[1])
            counts.alerts.append(bool(alerts))

    def _leave_out(self, why: str) -> None:
        known = why in self.left_out or len(self.left_out) < MOST_REASONS
        self.left_out[why if known else "other reasons"] += 1
