"""The detailed figures: by class, on distinct rows, for labels that training never saw, and over thresholds.

                            ┌─▶ by label, by family, reliability, area under the ROC curve
records, answers, contract ─┼─▶ the same with each distinct row counted once
                            └─▶ unseen labels: share flagged of the rows that equal no normal row
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from contract.artifact.contract import ModelContract
from contract.artifact.verdict import Verdicts
from contract.kdd99.columns import FAMILIES, NORMAL
from training.data.duplicates import has_twin
from training.data.records import Records
from training.evaluation import score
from training.evaluation.evaluate import Predictions, evaluate, judge, plain
from training.evaluation.tally import Tally, by_class, reliability_bins, tally


def detail(
    records: Records, predictions: Predictions, contract: ModelContract, twins: NDArray[np.bool_]
) -> dict[str, Any]:
    """The figures that `oversight evaluate --json` adds to the fixed ones, as JSON values.

    Args:
        records: scored; with the columns that the model reads, so that equal rows are one record.
        predictions: the model's predictions for these records.
        contract: the model's contract.
        twins: shape (n_records,), which records equal a normal row (`twins_of_normal`).
    """
    verdicts = judge(predictions, contract)
    counts = tally(records, predictions.probabilities, verdicts, contract)
    distinct = tally(records.once(), predictions.probabilities, verdicts, contract)
    return plain(
        {
            **tables(counts, contract),
            "auc": {name: score.area_under(curve) for name, curve in curves(records, predictions, contract).items()},
            **separable(records, verdicts, contract, twins),
            "distinct": {**evaluate(records.once(), predictions, contract), **tables(distinct, contract)},
        }
    )


def tables(counts: Tally, contract: ModelContract) -> dict[str, Any]:
    """Figures for each class, and the reliability, of a tally."""
    return {
        "by_label": by_class(counts.labels, [label.name for label in contract.labels]),
        "by_family": by_class(counts.families, FAMILIES),
        "reliability": reliability_bins(counts),
    }


def twins_of_normal(records: Records, training: Records | None = None) -> NDArray[np.bool_]:
    """Which records equal a normal row of the same records, or of `training`, in all columns; shape (n_records,)."""
    twins = has_twin(records, records.take(records.labels == NORMAL), records.columns)
    if training is not None:
        twins |= has_twin(records, training.take(training.labels == NORMAL), records.columns)
    return twins


def separable(
    records: Records, verdicts: Verdicts, contract: ModelContract, twins: NDArray[np.bool_]
) -> dict[str, Any]:
    """For each label that the model never saw: how many rows differ from normal ones, and how many are flagged.

    `macro_flagged` is the share flagged of each label's separable rows, averaged over the labels that have any.
    """
    seen = [label.name for label in contract.labels]
    by_label = {}
    for label in sorted(set(records.labels.tolist()).difference(seen)):
        of_label = (records.labels == label) & ~twins
        rows, flagged = (int(records.counts[part].sum()) for part in (of_label, of_label & verdicts.flagged))
        by_label[label] = {"rows": rows, "flagged": flagged}
    shares = [each["flagged"] / each["rows"] for each in by_label.values() if each["rows"]]
    total = sum(each["rows"] for each in by_label.values())
    return {
        "unseen_separable": by_label,
        "separable_rows": total,
        "separable_flagged": sum(each["flagged"] for each in by_label.values()) / total if total else None,
        "macro_flagged": sum(shares) / len(shares) if shares else None,
    }


def curves(
    records: Records, predictions: Predictions, contract: ModelContract
) -> dict[str, tuple[score.Curve, score.Curve]]:
    """ROC curves of normal rows against attack rows, for each score.

    `either` is what the risk score weighs: p + (1 - p) n, with the probability p of an attack and the novelty n.
    """
    p, n = judge(predictions, contract).attack_probability, predictions.novelty.astype(np.float64)
    scores = {"attack_probability": p, "either": p + (1 - p) * n}
    return {name: score.roc(values, records.labels != NORMAL, records.counts) for name, values in scores.items()}
