"""Measure one trained model for a study: counts that can be added, and the data of the pictures, as JSON values."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.training.tallies import to_json
from contract.artifact.contract import ModelContract
from contract.kdd99.columns import NORMAL
from training.data.records import Records
from training.evaluation import score
from training.evaluation.detail import curves, separable
from training.evaluation.evaluate import Predictions, judge, plain, unseen
from training.evaluation.tally import tally

FALSE_POSITIVE_RATES = tuple(np.geomspace(1e-4, 1.0, 41).tolist())
"""Points at which a ROC curve is sampled, so that the curves of several trainings can be averaged."""
NOVELTY_BINS = 40


def measure_held_out(records: Records, predictions: Predictions, contract: ModelContract) -> dict[str, Any]:
    """Counts on held-out records: each distinct vector once, and also weighted by its rows in the file."""
    verdicts = judge(predictions, contract)
    rows = tally(records, predictions.probabilities, verdicts, contract)
    vectors = tally(records.once(), predictions.probabilities, verdicts, contract)
    return {"vectors": to_json(vectors), "rows": to_json(rows)}


def measure_test(
    records: Records, predictions: Predictions, contract: ModelContract, twins: NDArray[np.bool_]
) -> dict[str, Any]:
    """Counts on a test file (all rows, and distinct ones), its unseen labels, and the data of the pictures.

    Args:
        records: of the test file.
        predictions: for these records.
        contract: the model's contract.
        twins: shape (n_records,), which records equal a normal row.
    """
    verdicts = judge(predictions, contract)
    roc_curves = curves(records, predictions, contract)
    return plain(
        {
            **measure_held_out(records, predictions, contract),
            "unseen": unseen(records, verdicts, contract),
            **separable(records, verdicts, contract, twins),
            "auc": {name: score.area_under(curve) for name, curve in roc_curves.items()},
            "roc": {name: read_off(curve) for name, curve in roc_curves.items()},
            "novelty": novelty_histogram(records, predictions, contract),
            "novelty_threshold": contract.novelty_threshold,
        }
    )


def read_off(curve: tuple[score.Curve, score.Curve]) -> list[float]:
    """True positive rate of a ROC curve at each of `FALSE_POSITIVE_RATES`: the best one without more false alarms."""
    place = np.searchsorted(curve[0], FALSE_POSITIVE_RATES, side="right") - 1
    return [round(float(rate), 6) for rate in curve[1][place]]


def novelty_histogram(records: Records, predictions: Predictions, contract: ModelContract) -> dict[str, list[int]]:
    """Rows in each of `NOVELTY_BINS` equal bins of novelty: normal rows, known attacks and unseen attacks."""
    known = np.isin(records.labels, [label.name for label in contract.labels])
    normal = records.labels == NORMAL
    place = np.minimum((predictions.novelty * NOVELTY_BINS).astype(np.int64), NOVELTY_BINS - 1)
    kinds = {"normal": normal, "known": known & ~normal, "unseen": ~known}
    return {
        kind: np.bincount(place[rows], weights=records.counts[rows], minlength=NOVELTY_BINS).astype(int).tolist()
        for kind, rows in kinds.items()
    }
