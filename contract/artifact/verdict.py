"""Turn a model's output into the verdict of a row. The enrich service and the evaluation use the same rule.

probabilities ─▶ closest label ─┬─ an attack ────────────────────────────▶ alert: its label, its family
                                └─ harmless ─┬─ novelty ≤ threshold ─────▶ its label, its family
                                             └─ novelty > threshold ─────▶ unknown: the likeliest attack family
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contract.artifact.contract import ModelContract


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
        self._threshold = contract.novelty_threshold
        self._harmful = np.array([label.severity > 0 for label in contract.labels])
        self._attacks = np.flatnonzero(self._harmful)
        self._family = np.array([contract.families.index(label.family) for label in contract.labels])
        members = np.eye(len(contract.families), dtype=np.float32)[self._family]
        self._family_of_attack = members * self._harmful[:, None]
        self._never = np.where(self._family_of_attack.any(axis=0), np.float32(0), np.float32(-np.inf))

    def __call__(self, probabilities: NDArray[np.float32], novelty: NDArray[np.float32] | None) -> Verdicts:
        """Verdicts of n rows.

        Args:
            probabilities: shape (n, n_labels), finite.
            novelty: shape (n,), finite; None if the model measures none.
        """
        closest = probabilities.argmax(axis=1)
        attack = self._harmful[closest]
        novel = np.zeros(len(closest), np.bool_)
        if novelty is not None and self._threshold is not None:
            novel = novelty > np.float32(self._threshold)
        attack_family = (probabilities @ self._family_of_attack + self._never).argmax(axis=1)
        return Verdicts(
            closest=closest,
            attack=attack,
            novel=novel,
            attack_probability=probabilities[:, self._attacks].sum(axis=1, dtype=np.float64),
            attack_family=attack_family,
            family=np.where(attack | ~novel | (not len(self._attacks)), self._family[closest], attack_family),
        )
