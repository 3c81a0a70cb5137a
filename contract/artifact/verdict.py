"""Turn a model's output into the verdict of a row. The enrich service and the evaluation use the same rule.

probabilities ─▶ closest label ─┬─ an attack ────────────────────────────▶ alert: its label, its family
                                └─ harmless ─┬─ novelty ≤ threshold ─────▶ its label, its family
                                             └─ novelty > threshold ─────▶ unknown: the likeliest attack family

value or score ─▶ within the contract's bounds? ─┬─ yes ─▶ the first label
                                                 └─ no ──▶ alert: the second label, its family
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from contract.artifact.contract import (
    NOVELTY_OUTPUT,
    PROBABILITIES_OUTPUT,
    SCORE_OUTPUT,
    VALUE_OUTPUT,
    ModelContract,
)

HOLDS = 0.5
"""The probability from which a label holds that has no threshold of its own."""


@dataclass(frozen=True, slots=True)
class Verdicts:
    """The verdicts of some rows; every array has shape (n_rows,)."""

    closest: NDArray[np.intp]
    """The likeliest label, by its place in the contract; the first of equals."""
    attack: NDArray[np.bool_]
    """The closest label is not harmless."""
    novel: NDArray[np.bool_]
    """The novelty is above the threshold."""
    attack_probability: NDArray[np.float64]
    """Probability of all attack labels together."""
    attack_family: NDArray[np.intp]
    """The family with the largest sum over its attack labels, by its place in the contract."""
    family: NDArray[np.intp]
    """The verdict's family: that of the closest label; for an unknown the attack family."""
    held: NDArray[np.bool_] | None = field(default=None, kw_only=True)
    """Shape (n_rows, n_labels): the labels that hold, where several may."""

    @property
    def unknown(self) -> NDArray[np.bool_]:
        """The closest label is harmless and the row is unlike anything in training."""
        return self.novel & ~self.attack

    @property
    def flagged(self) -> NDArray[np.bool_]:
        """An attack or an unknown."""
        return self.novel | self.attack


class VerdictRule:
    """The verdict rule of one model; build it once for a contract."""

    def __init__(self, contract: ModelContract) -> None:
        self._contract = contract
        self._threshold = contract.novelty_threshold
        self._harmful = np.array([label.severity > 0 for label in contract.labels])
        self._attacks = np.flatnonzero(self._harmful)
        self._family = np.array([contract.families.index(label.family) for label in contract.labels])
        members = np.eye(len(contract.families), dtype=np.float32)[self._family]
        self._family_of_attack = members * self._harmful[:, None]
        self._never = np.where(self._family_of_attack.any(axis=0), np.float32(0), np.float32(-np.inf))

    def of(self, outputs: Mapping[str, NDArray[np.float32]]) -> Verdicts:
        """Verdicts of n rows from the outputs of the graph, by name; each array's first axis is the rows."""
        if self._contract.task == "regression":
            bounds, value = self._contract.value, outputs[VALUE_OUTPUT]
            low = -np.inf if bounds is None or bounds.low is None else bounds.low
            high = np.inf if bounds is None or bounds.high is None else bounds.high
            return self._beyond((value < np.float32(low)) | (value > np.float32(high)))
        if self._contract.score is not None:
            threshold = np.float32(np.nan if self._contract.score.threshold is None else self._contract.score.threshold)
            score = outputs[SCORE_OUTPUT]
            return self._beyond(score > threshold if self._contract.score.alerts == "above" else score < threshold)
        return self(outputs[PROBABILITIES_OUTPUT], outputs.get(NOVELTY_OUTPUT))

    def _beyond(self, alerts: NDArray[np.bool_]) -> Verdicts:
        """Verdicts of a task with two labels, from what alerts, shape (n,)."""
        closest = alerts.astype(np.intp)
        return Verdicts(
            closest=closest,
            attack=alerts,
            novel=np.zeros(len(alerts), np.bool_),
            attack_probability=alerts.astype(np.float64),
            attack_family=np.full(len(alerts), self._family[1]),
            family=self._family[closest],
        )

    def __call__(self, probabilities: NDArray[np.float32], novelty: NDArray[np.float32] | None) -> Verdicts:
        """Verdicts of n rows of a classification.

        Args:
            probabilities: shape (n, n_labels), finite.
            novelty: shape (n,), finite; None if the model measures none.
        """
        closest, held = self._closest(probabilities)
        attack = self._harmful[closest]
        novel = np.zeros(len(closest), np.bool_)
        if novelty is not None and self._threshold is not None:
            novel = novelty > np.float32(self._threshold)
        attack_family = (probabilities @ self._family_of_attack + self._never).argmax(axis=1)
        of_attacks = probabilities[:, self._attacks]
        return Verdicts(
            closest=closest,
            attack=attack,
            novel=novel,
            attack_probability=of_attacks.max(axis=1, initial=0.0).astype(np.float64)
            if held is not None
            else of_attacks.sum(axis=1, dtype=np.float64),
            attack_family=attack_family,
            family=np.where(attack | ~novel | (not len(self._attacks)), self._family[closest], attack_family),
            held=held,
        )

    def _closest(self, probabilities: NDArray[np.float32]) -> tuple[NDArray[np.intp], NDArray[np.bool_] | None]:
        """The likeliest label that holds, and the labels that hold where several may."""
        labels = self._contract.labels
        if self._contract.several_labels:
            thresholds = np.array(
                [HOLDS if label.threshold is None else label.threshold for label in labels], np.float32
            )
            held = probabilities >= thresholds
            held[:, -1] = ~held[:, :-1].any(axis=1)
            return np.where(held, probabilities / thresholds, -1.0).argmax(axis=1), held
        if labels[1].threshold is not None and len(labels) == 2:
            return (probabilities[:, 1] >= np.float32(labels[1].threshold)).astype(np.intp), None
        return probabilities.argmax(axis=1), None
