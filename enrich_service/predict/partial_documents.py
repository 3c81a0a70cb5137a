"""Predictions to the partial document that is merged into each stored one, as the structs of `contract.wire`.

    closest label, novel, family ──▶ label, event, rule, threat: built once for all documents of a kind ─┐
    probabilities, novelty, risk ──▶ rounded for the whole page at once                                 ─┴─▶ documents

The partial document holds only what `contract.documents.fields.ENRICH_ROOTS` allows. The watcher sets the status, the
time of the verdict and whether it is a second one: only the watcher knows the stored document.

The risk score, 0 to 100, is `severity × (p + (1 - p) × n)`: p is the probability that the connection is any attack, n
is the novelty where it is above the threshold and 0 below. Either the model is right that it is an attack, or it is
wrong and the connection is like nothing that the model knows. A harmless verdict has 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import repeat
from typing import Literal

import numpy as np
from msgspec import UNSET, UnsetType
from numpy.typing import NDArray

from contract.artifact.contract import Label, ModelContract
from contract.documents.top_labels import as_word
from contract.kdd99.columns import UNKNOWN_LABEL
from contract.wire import Event, Model, Oversight, PartialDocument, Prediction, Rule, Tactic, Technique, Threat
from enrich_service.predict.predict import Predictions

UNKNOWN_SEVERITY = 47
"""Severity of an `unknown`: medium on Elastic Security's steps, since nobody knows yet what it is."""
DIGITS = 6
"""Decimals of probabilities and novelty: float32 has about seven digits."""
RISK_DIGITS = 2


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """What all documents with the same closest label, novelty and family have in common."""

    label: str
    closest: str
    family: str
    unknown: bool
    harmless: bool
    """Whether the closest label is."""
    event_kind: Literal["event", "alert"]
    category: list[str]
    type: list[str]
    severity: int
    rule: Rule | UnsetType
    threat: Threat | UnsetType


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
        self.model = Model(contract.name, version)
        self._unknown_is_alert = unknown_is_alert
        self._severities = np.array([label.severity for label in contract.labels])
        self._labels = np.array([label.name for label in contract.labels], np.object_)
        self._kind = cache(self._kind_of)  # a model has as many kinds as labels, twice, times the families

    def kinds(self, predictions: Predictions) -> list[Kind]:
        """The kind of each row; equal ones are one object."""
        columns = predictions.closest.tolist(), predictions.novel.tolist(), predictions.family.tolist()
        return list(map(self._kind, *columns))

    def of(
        self, predictions: Predictions, kinds: Sequence[Kind], reasons: Mapping[int, list[str]]
    ) -> list[PartialDocument]:
        """The partial documents of a page, one a row.

        Args:
            predictions: of the rows.
            kinds: of the rows.
            reasons: of some of the rows, by row.
        """
        numbers = self._numbers(predictions)
        rows = zip(
            kinds,
            numbers.risk_score.tolist(),
            numbers.top[:, 0].tolist(),
            self._words(predictions.top, numbers.top),
            repeat(UNSET) if numbers.novelty is None else numbers.novelty.tolist(),
            map(reasons.get, range(len(numbers.top))),
            predictions.warnings,
            strict=False,
        )
        return [
            PartialDocument(
                Event(kind.event_kind, kind.category, kind.type, kind.severity, risk_score),
                Oversight(
                    Prediction(
                        label=kind.label,
                        closest=kind.closest,
                        family=kind.family,
                        unknown=kind.unknown,
                        novelty=novelty,
                        probability=probability,
                        top=top,
                        reasons=why or UNSET,
                        warnings=warnings or UNSET,
                    ),
                    self.model,
                ),
                kind.rule,
                kind.threat,
            )
            for kind, risk_score, probability, top, novelty, why, warnings in rows
        ]

    def _numbers(self, predictions: Predictions) -> Numbers:
        severity = np.where(predictions.unknown, UNKNOWN_SEVERITY, self._severities[predictions.closest])
        novelty = predictions.novelty
        counted = predictions.novel * (np.float64(0.0) if novelty is None else novelty.astype(np.float64))
        top = predictions.probabilities[np.arange(len(severity))[:, None], predictions.top]
        return Numbers(
            risk_score=risk_score(severity, predictions.attack_probability, counted),
            top=_rounded(top),
            novelty=None if novelty is None else _rounded(novelty),
        )

    def _words(self, top: NDArray[np.intp], probabilities: NDArray[np.float64]) -> list[list[str]]:
        """The likeliest labels of each row with their probabilities; both arrays of shape (n, n_top)."""
        labels = self._labels[top].tolist()
        return [list(map(as_word, *row)) for row in zip(labels, probabilities.tolist(), strict=True)]

    def _kind_of(self, closest: int, novel: bool, family: int) -> Kind:
        label = self.contract.labels[closest]
        attack = label.severity > 0
        unknown = novel and not attack
        alert = attack or (unknown and self._unknown_is_alert)
        verdict, name = UNKNOWN_LABEL if unknown else label.name, self.contract.families[family]
        return Kind(
            label=verdict,
            closest=label.name,
            family=name,
            unknown=novel,
            harmless=not attack,
            event_kind="alert" if alert else "event",
            category=["network", "intrusion_detection"] if alert else ["network"],
            type=["connection", "info"] if alert else ["connection"],
            severity=UNKNOWN_SEVERITY if unknown else label.severity,
            rule=Rule(verdict, name, "oversight") if alert else UNSET,
            threat=_threat(label) if alert and attack else UNSET,
        )


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
    """Limited to 0 to 1; for one row `np.clip` takes ten times as long."""
    return np.minimum(np.maximum(value, 0.0), 1.0)


def _rounded(value: NDArray[np.float32]) -> NDArray[np.float64]:
    """Exact: a float32 times a million has a place in a float64, so this rounds as Python's `round` does."""
    return value.astype(np.float64).round(DIGITS)


def _threat(label: Label) -> Threat | UnsetType:
    """The ATT&CK fields of a label; unset where the attack maps to no technique."""
    found = label.technique
    if found is None:
        return UNSET
    below = UNSET if found.sub_id is None else Tactic(found.sub_id, found.sub_name or "", found.sub_reference or "")
    tactic = Tactic(found.tactic.id, found.tactic.name, found.tactic.reference)
    return Threat("MITRE ATT&CK", tactic, Technique(found.id, found.name, found.reference, below))
