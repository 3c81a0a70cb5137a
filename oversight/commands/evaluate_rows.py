"""Measures any artifact on the rows of a file with a column of the truth.

file ─▶ rows, truth ─▶ the service's predictor ─▶ figures beside those of guessing ─▶ table, JSON
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

from common.tables.open_table import open_table
from contract.artifact.contract import ModelContract
from contract.errors import InputError
from converter.proof.figures import Proof, prove
from converter.proof.labelled_rows import LabelledRows, labelled_rows
from converter.rows import Rows
from enrich_service.model.artifact import Artifact, Outputs
from enrich_service.predict.features import FeatureRows
from enrich_service.predict.predict import Predictor
from oversight.commands.evaluate_show import by_label, console, show_measures
from oversight.commands.file_progress import shown

BATCH = 10_000


def measured(artifact: Artifact, data: Path, label: str) -> tuple[Proof, LabelledRows]:
    """The figures of an artifact on every row of a file that it can read, and these rows.

    Raises:
        InputError: a column is missing, no row can be read, or a truth does not fit the task.
    """
    labelled = labelled_rows(shown(open_table(data)), artifact.contract, label=label, most=sys.maxsize)
    outputs, labelled = _predicted(artifact, labelled)
    return prove(outputs, artifact.contract, labelled), labelled


def facts(proof: Proof, labelled: LabelledRows, contract: ModelContract) -> dict[str, Any]:
    """The figures as JSON has them."""
    return {
        "task": contract.task,
        "rows": proof.rows,
        "rows_not_read": labelled.refused,
        "first_row_not_read": labelled.why or None,
        **figures_of(proof, contract),
        "better_than_guessing": proof.beats_guessing,
        "better_order": proof.better_order or None,
    }


def figures_of(proof: Proof, contract: ModelContract) -> dict[str, Any]:
    """The figures, with those of each label for a classification."""
    confusion = proof.figures.get("confusion")
    if confusion is None:
        return proof.figures
    names = [label.name for label in contract.labels]
    matrix = np.array([[confusion.get(truth, {}).get(found, 0) for found in names] for truth in names], np.int64)
    return {**proof.figures, "by_label": by_label(matrix, names)}


def show(proof: Proof, labelled: LabelledRows, contract: ModelContract) -> None:
    """Print the figures, each beside the figure of guessing, the confusion and each label."""
    on = console()
    show_measures(figures_of(proof, contract), {"rows": proof.rows}, on)
    if labelled.refused:
        on.print(f"\n{labelled.refused:,} rows cannot be read as the contract says: {labelled.why}")
    if proof.better_order:
        on.print(f"\n{proof.better_order}")


def _predicted(artifact: Artifact, labelled: LabelledRows) -> tuple[Outputs, LabelledRows]:
    """The outputs of the rows that the model can compute, and these rows."""
    predictor = Predictor(artifact, warnings=False)
    parts: list[Outputs] = []
    places: list[int] = []
    refused, why = labelled.refused, labelled.why
    for start in range(0, len(labelled.rows), BATCH):
        part = labelled.rows.part(start, start + BATCH)
        index = np.arange(start, start + len(part))
        found = predictor.predict(FeatureRows(index, part.numeric, part.categorical, {}))
        parts.append(found.outputs)
        places += found.rows.index.tolist()
        refused += len(found.rows.errors)
        for place, error in found.rows.errors.items():
            why = why or f"row {labelled.numbers[place]}: {error}"
    if not places:
        raise InputError(f"the model cannot compute any row ({why}); correct the rows")
    kept = LabelledRows(
        Rows(labelled.rows.numeric[places], labelled.rows.categorical[places]),
        None if labelled.truth is None else [labelled.truth[place] for place in places],
        [labelled.numbers[place] for place in places],
        refused,
        why,
    )
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}, kept
