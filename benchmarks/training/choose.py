"""Choose the best novelty measure and the best second opinion from the scores of left-out records. Pure.

scores of each training (left_out_scores.py)
    ├─▶ form, epochs, share ─▶ found: left-out attacks flagged, mean over labels ─┐
    │                          price: left-out normal vectors flagged, worst fifth ┴─▶ the rule ─▶ one of them
    └─▶ opinions and their means ─▶ unknown left-out attacks with the right family ─▶ one of them
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.training.left_out import LABEL_GROUPS
from contract.kdd99.columns import FAMILIES, LABELS, NORMAL
from training.data.encoding import NAMES

FAMILY = np.array([FAMILIES.index(label.family) for label in LABELS])
SHARES = (0.005, 0.01, 0.015, 0.02, 0.025, 0.03)
"""Shares of usual normal vectors above the threshold."""
BUDGET = 0.05
"""Largest share of normal vectors that may be flagged: the must for a test file."""
COMMON = 19
"""Left-out vectors that a label needs to count; with fewer, one or two vectors would decide everything."""
EQUAL = 0.005
"""Differences between opinions below this decide nothing."""

Values = NDArray[np.floating]
Scores = Mapping[str, NDArray[Any]]
FORMS: dict[str, Callable[[Values, Values], Values]] = {
    "autoencoder": lambda error, _: error,
    "detector": lambda _, odds: odds,
    "larger": np.maximum,
    "sum": lambda error, odds: error + odds,
    "geometric mean": lambda error, odds: np.sqrt(error * odds),
}
"""How to combine error and odds, each as a multiple of what is usual."""


@dataclass(frozen=True)
class Novelty:
    """One way to measure novelty, with what it found and what it cost."""

    form: str
    epochs: int
    share: float
    found: float
    price: float
    """Share flagged of left-out normal vectors, in the fifth where it is largest."""
    held_out: float
    """Share flagged of held-out normal vectors, which are from the same time as the training's."""


def novelties(trainings: Sequence[Scores], epochs: Iterable[int]) -> list[Novelty]:
    """Every combination of form, number of epochs and share, averaged over labels and seeds.

    Args:
        trainings: those that left labels out, in the order of the groups, seed after seed.
        epochs: the detectors' numbers of epochs.
    """
    result = []
    for form, most, share in itertools.product(FORMS, epochs, SHARES):
        found: dict[str, list[float]] = {}
        price: dict[int, list[float]] = {}
        held_out = []
        for place, scores in enumerate(trainings):
            flagged = _flagged(scores, form, most, share)
            kept = ~scores["left_twins"].astype(bool)
            labels, of_left = scores["left_labels"][kept], flagged["left"][kept]
            for label, n_vectors in zip(*np.unique(labels, return_counts=True), strict=True):
                if n_vectors >= COMMON:
                    found.setdefault(str(label), []).append(float(of_left[labels == label].mean()))
            price.setdefault(place % LABEL_GROUPS, []).extend(found.pop(NORMAL, []))
            held_out.append(float(flagged["held_out"].mean()))
        by_label = [float(np.mean(shares)) for shares in found.values()]
        worst = max(float(np.mean(shares)) for shares in price.values() if shares)
        result.append(Novelty(form, most, share, float(np.mean(by_label)), worst, float(np.mean(held_out))))
    return result


def _flagged(scores: Scores, form: str, epochs: int, share: float) -> dict[str, NDArray[np.bool_]]:
    usual_error, usual_logit = (
        np.quantile(scores[f"usual_{key}"], 1 - share / 2) for key in ("error", f"logit_{epochs}")
    )

    def measured(part: str) -> Values:
        odds = np.exp(np.clip(scores[f"{part}_logit_{epochs}"] - usual_logit, -30, 30))
        return FORMS[form](scores[f"{part}_error"] / usual_error, odds)

    threshold = np.quantile(measured("usual"), 1 - share)
    return {part: scores[f"{part}_attack"].astype(bool) | (measured(part) > threshold) for part in ("left", "held_out")}


def best_novelty(candidates: Sequence[Novelty]) -> Novelty | None:
    """The candidate within the budget that finds most, or the cheapest of equals; None if none is within the budget."""
    within = [novelty for novelty in candidates if novelty.price <= BUDGET]
    return max(within, key=lambda novelty: (novelty.found, -novelty.price), default=None)


def opinions(trainings: Sequence[Scores], form: str, epochs: int, share: float) -> dict[tuple[str, ...], float]:
    """For each mean of opinions: share of the unknown left-out attacks whose family is right, averaged over labels."""
    right_by_label: dict[tuple[str, ...], dict[str, list[NDArray[np.bool_]]]] = {}
    for scores in trainings:
        labels = scores["left_labels"]
        unknown = (
            _flagged(scores, form, epochs, share)["left"] & ~scores["left_attack"].astype(bool) & (labels != NORMAL)
        )
        each = {key.removeprefix("left_opinion_"): key for key in scores if key.startswith("left_opinion_")}
        parts = [name for name in each if name != "student"]
        subsets = [subset for n in range(1, len(parts) + 1) for subset in itertools.combinations(parts, n)]
        for subset in [*subsets, *([("student",)] if "student" in each else [])]:
            shares = np.mean([scores[each[name]][unknown].astype(np.float64) for name in subset], axis=0)
            right = family_right(shares, labels[unknown])
            for label in np.unique(labels[unknown]).tolist():
                right_by_label.setdefault(subset, {}).setdefault(label, []).append(right[labels[unknown] == label])
    return {
        subset: float(np.mean([np.concatenate(rows).mean() for rows in of_label.values()]))
        for subset, of_label in right_by_label.items()
    }


def best_opinion(sums: Mapping[tuple[str, ...], float]) -> tuple[str, ...]:
    """The mean of opinions that is right most often. Among equals, the one of the fewest opinions."""
    candidates = {subset: value for subset, value in sums.items() if subset != ("student",)}
    most = max(candidates.values())
    return min(
        (subset for subset in candidates if candidates[subset] >= most - EQUAL), key=lambda s: (len(s), -sums[s])
    )


def family_right(shares: Values, labels: NDArray[np.generic]) -> NDArray[np.bool_]:
    """Whether the likeliest attack family is the label's family, shape (n_rows,)."""
    of_family = shares @ np.eye(len(FAMILIES))[FAMILY]
    of_family[:, FAMILIES.index("normal")] = -1
    right: NDArray[np.bool_] = of_family.argmax(axis=1) == FAMILY[np.searchsorted(NAMES, labels)]
    return right
