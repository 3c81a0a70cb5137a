"""Count how a model's predictions compare with the labels.

records, predictions ─▶ verdicts (`contract.artifact.verdict`) ─▶ Tally ─▶ figures
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contract.artifact.contract import ModelContract
from contract.artifact.verdict import Verdicts
from contract.errors import InputError
from contract.kdd99.columns import FAMILIES, NORMAL, TEST_ONLY_FAMILIES
from training.data.records import Records
from training.evaluation import score

Counts = NDArray[np.float64]


@dataclass(frozen=True)
class Tally:
    """Counts of rows."""

    labels: Counts
    """Shape (n_labels, n_labels): label against closest label, for rows whose label the model knows."""
    families: Counts
    """Shape (5, 5): family against the verdict's family, all rows."""
    families_closest: Counts
    """Shape (5, 5): family against the closest label's family, all rows."""
    reliability: Counts
    """Shape (3, bins): `score.reliability` of the family probabilities, all rows."""
    normal: Counts
    """Shape (3,): normal rows, those that alert, those that are flagged."""
    attack: Counts
    """Shape (3,): attack rows, those that alert, those that are flagged."""


def tally(records: Records, probabilities: NDArray[np.float32], verdicts: Verdicts, contract: ModelContract) -> Tally:
    """Count the records, each weighted by its `counts`.

    Raises:
        InputError: a label belongs to no known family.
    """
    weights = records.counts
    truth = label_numbers(records.labels, contract)
    known = truth >= 0
    family = families(records.labels, contract)
    of_label = np.array([FAMILIES.index(label.family) for label in contract.labels])
    of_contract = np.array([FAMILIES.index(name) for name in contract.families])
    n = len(contract.labels)
    sums = probabilities @ np.eye(len(FAMILIES), dtype=np.float32)[of_label]
    normal = records.labels == NORMAL
    outcomes = np.stack([np.ones(len(normal), bool), verdicts.attack, verdicts.flagged]) * weights
    return Tally(
        labels=score.confusion(truth[known], verdicts.closest[known], n, weights[known]),
        families=score.confusion(family, of_contract[verdicts.family], len(FAMILIES), weights),
        families_closest=score.confusion(family, of_label[verdicts.closest], len(FAMILIES), weights),
        reliability=score.reliability(sums, family, weights),
        normal=outcomes[:, normal].sum(axis=1).astype(np.float64),
        attack=outcomes[:, ~normal].sum(axis=1).astype(np.float64),
    )


def figures(counts: Tally) -> dict[str, Any]:
    """The figures of a tally, by their names in `oversight evaluate --json`; NaN without rows."""
    return {
        "accuracy_23": score.accuracy(counts.labels),
        "macro_f1_23": score.macro_f1(counts.labels),
        "kdd_cost": score.mean_cost(counts.families),
        "family_accuracy": score.accuracy(counts.families),
        "family_recall": dict(zip(FAMILIES, score.recall(counts.families).tolist(), strict=True)),
        "normal_alert_rate": score.ratio(counts.normal[1], counts.normal[0]),
        "normal_flag_rate": score.ratio(counts.normal[2], counts.normal[0]),
        "ece_family": score.calibration_error(counts.reliability),
        "kdd_cost_closest": score.mean_cost(counts.families_closest),
        "attack_alert_rate": score.ratio(counts.attack[1], counts.attack[0]),
        "attack_flag_rate": score.ratio(counts.attack[2], counts.attack[0]),
    }


def by_class(matrix: Counts, names: tuple[str, ...] | list[str]) -> list[dict[str, Any]]:
    """Support (rows), precision, recall and F1 of each class, and the number of rows predicted as this class."""
    columns = zip(
        names,
        matrix.sum(axis=1).tolist(),
        matrix.sum(axis=0).tolist(),
        score.precision(matrix).tolist(),
        score.recall(matrix).tolist(),
        score.f1(matrix).tolist(),
        strict=True,
    )
    return [
        {"name": name, "support": int(rows), "called": int(called), "precision": p, "recall": r, "f1": f}
        for name, rows, called, p, r, f in columns
    ]


def reliability_bins(counts: Tally) -> list[dict[str, Any]]:
    """For each bin of stated family probability with rows: rows, mean probability, and share that was right."""
    n_bins = counts.reliability.shape[1]
    return [
        {
            "from": index / n_bins,
            "to": (index + 1) / n_bins,
            "rows": int(rows),
            "stated": stated / rows,
            "right": right / rows,
        }
        for index, (rows, stated, right) in enumerate(counts.reliability.T.tolist())
        if rows
    ]


def label_numbers(labels: NDArray[np.str_], contract: ModelContract) -> NDArray[np.int64]:
    """Place of each label in the contract; -1 if the model does not know it."""
    place = {label.name: index for index, label in enumerate(contract.labels)}
    return np.array([place.get(label, -1) for label in labels.tolist()], np.int64)


def families(labels: NDArray[np.str_], contract: ModelContract) -> NDArray[np.int64]:
    """Family number of each label, including the labels of the test set.

    Raises:
        InputError: names the labels that belong to no family.
    """
    known = {**TEST_ONLY_FAMILIES, **{label.name: label.family for label in contract.labels}}
    distinct, place = np.unique(labels, return_inverse=True)
    foreign = [name for name in distinct.tolist() if name not in known]
    if foreign:
        raise InputError(
            f"the data has labels that KDD Cup 99 does not have: {', '.join(foreign[:5])}; correct the label column"
        )
    return np.array([FAMILIES.index(known[name]) for name in distinct.tolist()], np.int64)[place]
