"""Predictions -> the partial document that is merged into each stored one.

    Kind (closest label, novel, family)  ─┐
    Values (probabilities, risk, ...)    ─┴─▶ {"event", "oversight", "rule", "threat"}

The answer holds only what `contract.documents.fields.ENRICH_ROOTS` allows. The status, the time of the verdict and
whether it is a second one are the watcher's: only it knows the stored document.

What a document says in words depends on its kind alone, and a model has few kinds; the numbers are computed for a whole
page at once. `encode` makes use of both.

The risk score, 0 to 100, is `severity × (p + (1 - p) × n)`: p the probability that the connection is any attack, n the
novelty where it is above the threshold and 0 below. Either the model is right that it is an attack, or it is not and
the connection is like nothing that it knows. A harmless verdict has 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from contract.artifact.contract import Label, ModelContract
from contract.documents.top_labels import as_word
from contract.kdd99.columns import UNKNOWN_LABEL
from enrich_service.predict.predict import Predictions

RULESET = "oversight"
FRAMEWORK = "MITRE ATT&CK"
UNKNOWN_SEVERITY = 47
"""Of an `unknown`: medium on Elastic Security's steps, since nobody knows yet what it is."""
DIGITS = 6
"""Decimals of probabilities and novelty: float32 has about seven digits."""
RISK_DIGITS = 2


class Kind(NamedTuple):
    """What of a verdict is told in words; places in the contract."""

    closest: int
    novel: bool
    family: int


@dataclass(frozen=True, slots=True)
class Values:
    """What of a document is its own."""

    risk_score: Any
    probability: Any
    top: Any
    """The likeliest labels with their probabilities, one word each (`contract.documents.top_labels`), the likeliest
    first.
    """
    novelty: Any
    """None where the model measures none."""
    reasons: Sequence[str] = ()
    warnings: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Numbers:
    """The numbers of n documents, rounded as they are written; every array has n rows."""

    risk_score: NDArray[np.float64]
    top: NDArray[np.float64]
    """Shape (n, n_top); the first is the probability of the closest label."""
    novelty: NDArray[np.float64] | None


class PartialDocuments:
    """Writes the partial documents of one model; made once for a model."""

    def __init__(self, contract: ModelContract, version: str, *, unknown_is_alert: bool = False) -> None:
        self.contract = contract
        self.model = {"id": contract.name, "version": version}
        self._unknown_is_alert = unknown_is_alert
        self._threats = [_threat(label) for label in contract.labels]
        self._severities = np.array([label.severity for label in contract.labels])

    def numbers(self, predictions: Predictions) -> Numbers:
        """The numbers of a page."""
        severity = np.where(predictions.unknown, UNKNOWN_SEVERITY, self._severities[predictions.closest])
        novelty = predictions.novelty
        counted = predictions.novel * (np.float64(0.0) if novelty is None else novelty.astype(np.float64))
        top = predictions.probabilities[np.arange(len(severity))[:, None], predictions.top]
        return Numbers(
            risk_score=risk_score(severity, predictions.attack_probability, counted),
            top=_rounded(top),
            novelty=None if novelty is None else _rounded(novelty),
        )

    def build(self, predictions: Predictions, numbers: Numbers, row: int, reasons: Sequence[str]) -> dict[str, Any]:
        """The partial document of one row, nested."""
        top = numbers.top[row].tolist()
        values = Values(
            risk_score=float(numbers.risk_score[row]),
            probability=top[0],
            top=[
                as_word(self.contract.labels[label].name, probability)
                for label, probability in zip(predictions.top[row].tolist(), top, strict=True)
            ],
            novelty=None if numbers.novelty is None else float(numbers.novelty[row]),
            reasons=reasons,
            warnings=predictions.warnings[row],
        )
        kind = Kind(int(predictions.closest[row]), bool(predictions.novel[row]), int(predictions.family[row]))
        return self.document(kind, values)

    def document(self, kind: Kind, values: Values) -> dict[str, Any]:
        """The partial document of that kind with these values."""
        label = self.contract.labels[kind.closest]
        attack = label.severity > 0
        unknown = kind.novel and not attack
        verdict = UNKNOWN_LABEL if unknown else label.name
        family = self.contract.families[kind.family]
        alert = attack or (unknown and self._unknown_is_alert)
        prediction: dict[str, Any] = {
            "label": verdict,
            "closest": label.name,
            "family": family,
            "unknown": kind.novel,
        }
        if values.novelty is not None:
            prediction["novelty"] = values.novelty
        prediction |= {"probability": values.probability, "top": values.top}
        if values.reasons:
            prediction["reasons"] = values.reasons
        if values.warnings:
            prediction["warnings"] = values.warnings
        severity = UNKNOWN_SEVERITY if unknown else label.severity
        fields: dict[str, Any] = {
            "event": _event(alert=alert, severity=severity, risk_score=values.risk_score),
            "oversight": {"prediction": prediction, "model": self.model},
        }
        if alert:
            fields["rule"] = {"name": verdict, "category": family, "ruleset": RULESET}
            if attack and self._threats[kind.closest] is not None:
                fields["threat"] = self._threats[kind.closest]
        return fields


def risk_score(
    severity: NDArray[np.integer], attack_probability: NDArray[np.float64], novelty: NDArray[np.float64]
) -> NDArray[np.float64]:
    """0 to 100, two decimals; the module's docstring has the formula. All of shape (n,).

    Args:
        severity: 0 to 100, of the verdict.
        attack_probability: 0 to 1, of all attacks together.
        novelty: 0 to 1; 0 where it is below the model's threshold.
    """
    p = _to_one(attack_probability)
    score: NDArray[np.float64] = (severity * (p + (1.0 - p) * _to_one(novelty))).round(RISK_DIGITS)
    return score


def _to_one(value: NDArray[np.float64]) -> NDArray[np.float64]:
    """Held to 0 to 1; for one row `np.clip` takes ten times as long."""
    return np.minimum(np.maximum(value, 0.0), 1.0)


def _rounded(value: NDArray[np.float32]) -> NDArray[np.float64]:
    """Exact: a float32 times a million has a place in a float64, so this rounds as Python's `round` does."""
    return value.astype(np.float64).round(DIGITS)


def _event(*, alert: bool, severity: int, risk_score: Any) -> dict[str, Any]:
    return {
        "kind": "alert" if alert else "event",
        "category": ["network", "intrusion_detection"] if alert else ["network"],
        "type": ["connection", "info"] if alert else ["connection"],
        "severity": severity,
        "risk_score": risk_score,
    }


def _threat(label: Label) -> dict[str, Any] | None:
    """The ATT&CK fields of a label; None where the attack maps to no technique."""
    technique = label.technique
    if technique is None:
        return None
    tactic = technique.tactic
    of_technique: dict[str, Any] = {"id": technique.id, "name": technique.name, "reference": technique.reference}
    if technique.sub_id is not None:
        of_technique["subtechnique"] = {
            "id": technique.sub_id,
            "name": technique.sub_name,
            "reference": technique.sub_reference,
        }
    return {
        "framework": FRAMEWORK,
        "tactic": {"id": tactic.id, "name": tactic.name, "reference": tactic.reference},
        "technique": of_technique,
    }
