"""From predictions to the partial documents that are merged into the stored ones, as structs of `contract.wire`.

    closest label, novel, family ──▶ label, event, rule, threat: built once for all documents of a kind ─┐
    probabilities, novelty, risk ──▶ rounded for the whole page at once                                 ─┴─▶ documents

A partial document has only fields that `contract.documents.fields.ENRICH_ROOTS` allows. The watcher sets the status,
the time of the verdict and `rescored`, because only the watcher knows the stored document.

The risk score, 0 to 100, is `severity × (p + (1 - p) × n)`. p is the probability that the connection is any attack; n
is the novelty if it is above the threshold, otherwise 0. Either the model is right that it is an attack, or it is wrong
and the connection is unlike anything that the model knows. A harmless verdict has 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import repeat
from typing import Literal

import numpy as np
from msgspec import UNSET, UnsetType
from numpy.typing import NDArray

from contract.artifact.contract import PROBABILITIES_OUTPUT, SCORE_OUTPUT, VALUE_OUTPUT, Label, ModelContract
from contract.artifact.statistics import shortest
from contract.documents.top_labels import SHARES, STEPS
from contract.kdd99.columns import UNKNOWN_LABEL
from contract.wire import Event, Model, Oversight, PartialDocument, Prediction, Rule, Tactic, Technique, Threat
from enrich_service.predict.predict import Predictions, likeliest

UNKNOWN_SEVERITY = 47
"""Severity of an `unknown`: medium in Elastic Security, because its cause is not known yet."""
DIGITS = 6
"""Decimals of probabilities and novelty: float32 has about seven digits."""
RISK_DIGITS = 2
_SHARES = np.array(SHARES, np.object_)


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """The fields that all documents with the same closest label, novelty and family share."""

    label: str
    closest: str
    family: str
    unknown: bool
    harmless: bool
    """The closest label is harmless."""
    flagged: bool
    """The closest label is an attack, or the verdict is `unknown`."""
    event_kind: Literal["event", "alert"]
    category: list[str]
    type: list[str]
    severity: int
    rule: Rule | UnsetType
    threat: Threat | UnsetType


class PartialDocuments:
    """Builds the partial documents of one model; create it once for a model."""

    def __init__(self, contract: ModelContract, version: str, *, unknown_is_alert: bool = False) -> None:
        self.contract = contract
        self.model = Model(contract.name, version)
        self._unknown_is_alert = unknown_is_alert
        self._severities = np.array([label.severity for label in contract.labels])
        self._names = np.array([label.name for label in contract.labels], np.object_)
        self._labels = np.array([f"{name} " for name in self._names], np.object_)
        self._kind = cache(self._kind_of)  # bounded: labels × 2 × families

    def kinds(self, predictions: Predictions) -> list[Kind]:
        """The kind of each row; equal kinds are the same object."""
        columns = predictions.closest.tolist(), predictions.novel.tolist(), predictions.family.tolist()
        return list(map(self._kind, *columns))

    def of(
        self, predictions: Predictions, kinds: Sequence[Kind], reasons: Mapping[int, list[str]]
    ) -> list[PartialDocument]:
        """The partial documents of a page, one for each row.

        Args:
            predictions: predictions of the rows.
            kinds: kinds of the rows.
            reasons: reasons of some of the rows, by row.
        """
        novelty = predictions.novelty
        probability, top, labels = self._probabilities(predictions)
        rows = zip(
            kinds,
            self._risk_scores(predictions).tolist(),
            probability,
            top,
            labels,
            _numbers_or_unset(predictions.outputs.get(VALUE_OUTPUT)),
            _numbers_or_unset(predictions.outputs.get(SCORE_OUTPUT)),
            repeat(UNSET) if novelty is None else rounded(novelty).tolist(),
            map(reasons.get, range(len(kinds))),
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
                        labels=labels,
                        value=value,
                        score=score,
                        reasons=why or UNSET,
                        warnings=warnings or UNSET,
                    ),
                    self.model,
                ),
                kind.rule,
                kind.threat,
            )
            for kind, risk_score, probability, top, labels, value, score, novelty, why, warnings in rows
        ]

    def _probabilities(
        self, predictions: Predictions
    ) -> tuple[Iterable[float | UnsetType], Iterable[list[str] | UnsetType], Iterable[list[str] | UnsetType]]:
        """Of each row: the probability of its closest label, its likeliest labels, and those that hold."""
        found = predictions.outputs.get(PROBABILITIES_OUTPUT)
        if found is None:
            return repeat(UNSET), repeat(UNSET), repeat(UNSET)
        every = np.arange(len(found))
        likely = likeliest(found)
        held = predictions.held
        return (
            rounded(found[every, predictions.closest]).tolist(),
            _as_words(self._labels[likely], rounded(found[every[:, None], likely])),
            repeat(UNSET) if held is None else [self._names[row].tolist() for row in held],
        )

    def _risk_scores(self, predictions: Predictions) -> NDArray[np.float64]:
        severity = np.where(predictions.unknown, UNKNOWN_SEVERITY, self._severities[predictions.closest])
        novelty = np.float64(0.0) if predictions.novelty is None else predictions.novelty.astype(np.float64)
        return risk_score(severity, predictions.attack_probability, predictions.novel * novelty)

    def _kind_of(self, closest: int, novel: bool, family: int) -> Kind:
        label = self.contract.labels[closest]
        attack = label.severity > 0
        unknown = novel and not attack
        alert = attack or (unknown and self._unknown_is_alert)
        words = self.contract.event
        verdict, name = UNKNOWN_LABEL if unknown else label.name, self.contract.families[family]
        return Kind(
            label=verdict,
            closest=label.name,
            family=name,
            unknown=novel,
            harmless=not attack,
            flagged=attack or novel,
            event_kind="alert" if alert else "event",
            category=list(words.alert_category if alert else words.category),
            type=list(words.alert_type if alert else words.type),
            severity=UNKNOWN_SEVERITY if unknown else label.severity,
            rule=Rule(verdict, name, "oversight") if alert else UNSET,
            threat=_threat(label) if alert and attack else UNSET,
        )


def _numbers_or_unset(values: NDArray[np.float32] | None) -> Iterable[float | UnsetType]:
    return repeat(UNSET) if values is None else numbers(values)


def numbers(values: NDArray[np.float32]) -> list[float]:
    """Values or scores as they are written: with the fewest digits that mean the same float32."""
    return list(map(shortest, values))


def _as_words(labels: NDArray[np.object_], probabilities: NDArray[np.float64]) -> list[list[str]]:
    """As `contract.documents.top_labels.as_word`, for a page at once: a call for each label takes eight times as long.

    Args:
        labels: shape (n, n_top), each with a blank behind it.
        probabilities: shape (n, n_top).
    """
    words: list[list[str]] = (labels + _SHARES[np.rint(probabilities * STEPS).clip(0, STEPS).astype(np.intp)]).tolist()
    return words


def risk_score(
    severity: NDArray[np.integer], attack_probability: NDArray[np.float64], novelty: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The risk score, 0 to 100 with two decimals, by the formula at the top of this module. All of shape (n,).

    Args:
        severity: 0 to 100, severity of the verdict.
        attack_probability: 0 to 1, probability of all attacks together.
        novelty: 0 to 1; 0 if it is below the model's threshold.
    """
    p = _to_one(attack_probability)
    score: NDArray[np.float64] = (severity * (p + (1.0 - p) * _to_one(novelty))).round(RISK_DIGITS)
    return score


def _to_one(value: NDArray[np.float64]) -> NDArray[np.float64]:
    """Limit to 0 to 1; for one row `np.clip` takes ten times as long."""
    return np.minimum(np.maximum(value, 0.0), 1.0)


def rounded(value: NDArray[np.float32]) -> NDArray[np.float64]:
    """Round as Python's `round` does: a float64 holds a million times a float32 exactly."""
    return value.astype(np.float64).round(DIGITS)


def _threat(label: Label) -> Threat | UnsetType:
    """The ATT&CK fields of a label; unset if the attack maps to no technique."""
    found = label.technique
    if found is None:
        return UNSET
    below = UNSET if found.sub_id is None else Tactic(found.sub_id, found.sub_name or "", found.sub_reference or "")
    tactic = Tactic(found.tactic.id, found.tactic.name, found.tactic.reference)
    return Threat("MITRE ATT&CK", tactic, Technique(found.id, found.name, found.reference, below))
