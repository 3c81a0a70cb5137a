"""Measure one trained model for a study: counts that can be added, and the data of the pictures, as JSON values."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contract.artifact.contract import ModelContract
from training.data.records import Records
from training.evaluation import score
from training.evaluation.detail import curves, novelty_histogram, read_off, separable
from training.evaluation.evaluate import Predictions, judge, plain, unseen
from training.evaluation.tally import tally


def measure_held_out(records: Records, predictions: Predictions, contract: ModelContract) -> dict[str, Any]:
    """Counts on held-out records: each distinct vector once, and also weighted by its rows in the file."""
    verdicts = judge(predictions, contract)
    rows = tally(records, predictions.probabilities, verdicts, contract)
    vectors = tally(count_once(records), predictions.probabilities, verdicts, contract)
    return {"vectors": vectors.to_dict(), "rows": rows.to_dict()}


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
    measured = {
        **measure_held_out(records, predictions, contract),
        "unseen": unseen(records, verdicts, contract),
        **separable(records, verdicts, contract, twins),
        "auc": {name: score.area_under(curve) for name, curve in roc_curves.items()},
        "roc": {name: read_off(curve) for name, curve in roc_curves.items()},
        "novelty": novelty_histogram(records, predictions, contract),
        "novelty_threshold": contract.novelty_threshold,
    }
    result: dict[str, Any] = plain(measured)
    return result


def count_once(records: Records) -> Records:
    """The same records, each counted once."""
    return dataclasses.replace(records, counts=np.ones(len(records), np.int64))
