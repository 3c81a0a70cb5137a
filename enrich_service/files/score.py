"""From the rows of a batch to their predictions, one for each row, in the same order.

batch ──▶ features ──▶ the service's Predictor ──▶ its Explainer, for alerts and unknowns ──▶ Scored
             └─ a row that cannot be read: its error ──────────────────────────────────────────┘
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from common.tables.batch import Batch
from common.tables.features import read_features
from contract.artifact.contract import PROBABILITIES_OUTPUT, SCORE_OUTPUT, VALUE_OUTPUT, ModelContract
from contract.kdd99.columns import UNKNOWN_LABEL
from enrich_service.model.artifact import Artifact
from enrich_service.predict.features import FeatureRows
from enrich_service.predict.partial_documents import numbers, rounded
from enrich_service.predict.predict import Predictions, Predictor
from enrich_service.predict.reasons import Explainer, flagged_reasons

Cells = Sequence[object]


@dataclass(frozen=True, slots=True)
class Scored:
    """The predictions of a batch."""

    size: int
    """Rows, with those that have an error."""
    index: NDArray[np.intp]
    """The places of the rows with a prediction, ascending."""
    columns: Mapping[str, Cells]
    """By name, a cell for each row of `index`. The names are those of `columns_of`, without `error`."""
    errors: Mapping[int, str]
    """Why each other row has none, by its place."""
    alerts: int
    """Rows that alert or are unknown."""


def columns_of(contract: ModelContract, *, reasons: bool = True) -> tuple[str, ...]:
    """The columns that a model's predictions have."""
    several, novelty = contract.several_labels, contract.novelty_threshold is not None
    there = {
        "label": True,
        "probability": contract.task == "classification",
        "value": contract.task == "regression",
        "score": contract.task == "anomaly",
        "novelty": novelty,
        "unknown": novelty,
        "labels": several,
        "reasons": reasons,
        "error": True,
    }
    return tuple(name for name, wanted in there.items() if wanted)


class Scorer:
    """Scores rows with one model; create it once for a model.

    Args:
        artifact: the model.
        reasons: alerts and unknowns get reasons.
    """

    def __init__(self, artifact: Artifact, *, reasons: bool = True) -> None:
        self.contract = artifact.contract
        self.columns = columns_of(artifact.contract, reasons=reasons)
        self._predictor = Predictor(artifact, warnings=False)
        self._explainer = Explainer(artifact) if reasons else None
        self._labels = np.array([label.name for label in artifact.contract.labels], np.object_)

    def score(self, batch: Batch) -> Scored:
        """Predict the rows of a batch.

        Raises:
            ArtifactError: the model predicts nothing at all; no row is wrong.
        """
        found = read_features(batch, self.contract)
        good = found.good
        rows = FeatureRows(good, found.numeric[good].astype(np.float32), found.words[good], {})
        errors = {place: str(error) for place, error in found.errors.items()}
        if not len(good):
            return Scored(batch.size, good, dict.fromkeys(self.columns[:-1], ()), errors, 0)
        predictions = self._predictor.predict(rows)
        errors |= {place: str(error) for place, error in predictions.rows.errors.items()}
        alerts = int(predictions.flagged.sum())
        return Scored(batch.size, predictions.rows.index, self._cells(predictions), errors, alerts)

    def _cells(self, predictions: Predictions) -> dict[str, Cells]:
        label = self._labels[predictions.closest]
        label[predictions.unknown] = UNKNOWN_LABEL
        cells: dict[str, Cells] = {"label": label.tolist()}
        outputs = predictions.outputs
        if (probabilities := outputs.get(PROBABILITIES_OUTPUT)) is not None:
            closest = probabilities[np.arange(len(label)), predictions.closest]
            cells["probability"] = rounded(closest).tolist()
        for name, output in (("value", VALUE_OUTPUT), ("score", SCORE_OUTPUT)):
            if output in outputs:
                cells[name] = numbers(outputs[output])
        if predictions.novelty is not None:
            cells["novelty"] = rounded(predictions.novelty).tolist()
            cells["unknown"] = predictions.novel.tolist()
        if predictions.held is not None:
            cells["labels"] = [self._labels[held].tolist() for held in predictions.held]
        if self._explainer is not None:
            reasons = flagged_reasons(self._explainer, predictions)
            cells["reasons"] = [reasons.get(row, []) for row in range(len(label))]
        return cells
