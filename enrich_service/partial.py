"""Predictions -> the partial document that is merged into each stored one.

The answer holds only what `contract.fields.ENRICH_ROOTS` allows. The status, the time of the verdict and whether it is
a second one are the watcher's: only it knows the stored document.

The risk score, 0 to 100, is `severity × (p + (1 - p) × n)`: p the probability that the connection is any attack, n the
novelty where it is above the threshold and 0 below. Either the model is right that it is an attack, or it is not and
the connection is like nothing that it knows. A harmless verdict has 0.
"""

from __future__ import annotations

from typing import Any

from contract.artifact import Label, ModelContract
from contract.kdd99 import UNKNOWN_LABEL
from enrich_service.predict import Predictions

RULESET = "oversight"
FRAMEWORK = "MITRE ATT&CK"
UNKNOWN_SEVERITY = 47
"""Of an `unknown`: medium on Elastic Security's steps, since nobody knows yet what it is."""
DIGITS = 6
"""Decimals of probabilities and novelty: float32 has about seven digits."""


class PartialDocuments:
    """Writes the partial documents of one model; made once for a model."""

    def __init__(self, contract: ModelContract, version: str, *, unknown_is_alert: bool = False) -> None:
        self.contract = contract
        self.unknown_is_alert = unknown_is_alert
        self._model = {"id": contract.name, "version": version}
        self._threats = [_threat(label) for label in contract.labels]

    def build(self, predictions: Predictions, row: int, reasons: list[str]) -> dict[str, Any]:
        """The partial document of one row, nested."""
        label = self.contract.labels[int(predictions.closest[row])]
        attack, unknown = bool(predictions.attack[row]), bool(predictions.unknown[row])
        severity = UNKNOWN_SEVERITY if unknown else label.severity
        verdict = UNKNOWN_LABEL if unknown else label.name
        family = self.contract.families[int(predictions.family[row])]
        fields: dict[str, Any] = {
            "event": _event(
                alert=attack or (unknown and self.unknown_is_alert),
                severity=severity,
                risk_score=self._risk(predictions, row, severity),
            ),
            "oversight": {
                "prediction": self._prediction(predictions, row, verdict, family, reasons),
                "model": self._model,
            },
        }
        if fields["event"]["kind"] == "alert":
            fields["rule"] = {"name": verdict, "category": family, "ruleset": RULESET}
            if attack and self._threats[int(predictions.closest[row])] is not None:
                fields["threat"] = self._threats[int(predictions.closest[row])]
        return fields

    def _prediction(
        self, predictions: Predictions, row: int, verdict: str, family: str, reasons: list[str]
    ) -> dict[str, Any]:
        labels = self.contract.labels
        of_label = predictions.probabilities[row].tolist()
        closest = int(predictions.closest[row])
        prediction: dict[str, Any] = {
            "label": verdict,
            "closest": labels[closest].name,
            "family": family,
            "probability": round(of_label[closest], DIGITS),
            "top": [{"label": labels[i].name, "probability": round(of_label[i], DIGITS)}
                    for i in predictions.top[row].tolist()],
            "unknown": bool(predictions.novel[row]),
        }  # fmt: skip
        if predictions.novelty is not None:
            prediction["novelty"] = round(float(predictions.novelty[row]), DIGITS)
        if reasons:
            prediction["reasons"] = reasons
        if predictions.warnings[row]:
            prediction["warnings"] = predictions.warnings[row]
        return prediction

    def _risk(self, predictions: Predictions, row: int, severity: int) -> float:
        novelty = 0.0
        if predictions.novelty is not None and predictions.novel[row]:
            novelty = float(predictions.novelty[row])
        return risk_score(severity, float(predictions.attack_probability[row]), novelty)


def risk_score(severity: int, attack_probability: float, novelty: float) -> float:
    """0 to 100, two decimals; the module's docstring has the formula.

    Args:
        severity: 0 to 100, of the verdict.
        attack_probability: 0 to 1, of all attacks together.
        novelty: 0 to 1; 0 where it is below the model's threshold.
    """
    p = min(max(attack_probability, 0.0), 1.0)
    return round(severity * (p + (1.0 - p) * min(max(novelty, 0.0), 1.0)), 2)


def _event(*, alert: bool, severity: int, risk_score: float) -> dict[str, Any]:
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
