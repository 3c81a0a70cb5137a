"""The outputs of the user's own program for the same rows: the strictest proof that a model is wired as in training.

expected file ─▶ one column a label, or one number ─▶ compared with the graph's outputs, row by row
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from common.tables.batch import Batch
from contract.artifact.contract import PROBABILITIES_OUTPUT, SCORE_OUTPUT, VALUE_OUTPUT, ModelContract
from contract.errors import DocumentError, InputError
from contract.values import to_number
from converter.onnx_run import Outputs
from converter.proof.labelled_rows import LabelledRows
from converter.proof.measures import label_places

TOLERANCE = 1e-4
"""Largest difference that counts as equal: of probabilities as they are, of other numbers as a share of the spread."""

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Expected:
    """What the user's program answers."""

    numbers: Numbers
    """Shape (n_rows, 1), or (n_rows, n_labels), in the order of the labels where the columns have their names."""


def read_expected(batches: Iterable[Batch], contract: ModelContract, labelled: LabelledRows) -> Expected:
    """The expected outputs of the rows that were read.

    Raises:
        InputError: there are more or fewer rows than in the rows' file, or the columns do not fit the task.
    """
    columns: dict[str, list[float]] = {}
    n = 0
    for batch in batches:
        if batch.broken:
            place, why = next(iter(batch.broken.items()))
            raise InputError(f"row {batch.first + place} of the expected outputs: {why}")
        if columns and set(columns) != set(batch.columns):
            raise InputError(
                f"row {batch.first} of the expected outputs has other columns than row 1; give each row the same"
            )
        for name, values in batch.columns.items():
            columns.setdefault(name, []).extend(_number(name, value, batch.first + i) for i, value in enumerate(values))
        n += batch.size
    last = max(labelled.numbers)
    if n < last:
        raise InputError(
            f"there are {n:,} expected outputs, and row {last:,} has none; give one line for each line of the rows"
        )
    places = [number - 1 for number in labelled.numbers]
    order = _order(list(columns), contract)
    return Expected(np.array([np.array(columns[name])[places] for name in order]).T)


def _number(name: str, value: object, row: int) -> float:
    try:
        return to_number(name, value)
    except DocumentError as error:
        raise InputError(f"row {row} of the expected outputs: {error}") from None


def _order(columns: list[str], contract: ModelContract) -> list[str]:
    n = len(contract.labels)
    if contract.task != "classification" or (n == 2 and len(columns) == 1):
        if len(columns) != 1:
            raise InputError(f"the expected outputs have {len(columns)} columns, and a {contract.task} has one number")
        return columns
    if len(columns) != n:
        raise InputError(
            f"the expected outputs have {len(columns)} columns, and the contract has {n} labels; give one column for "
            f"each label"
        )
    places = label_places(contract)
    if all(name in places for name in columns):
        return sorted(columns, key=lambda name: places[name])
    return columns


def of_outputs(outputs: Outputs, contract: ModelContract, width: int) -> Numbers:
    """What is compared with the expected numbers, in the same shape."""
    if contract.task == "classification":
        probabilities = outputs[PROBABILITIES_OUTPUT].astype(np.float64)
        return probabilities[:, 1:2] if width == 1 else probabilities
    return outputs[VALUE_OUTPUT if contract.task == "regression" else SCORE_OUTPUT].astype(np.float64)[:, None]


def difference(found: Numbers, expected: Expected, contract: ModelContract) -> float:
    """The largest difference in any row, in units of the tolerance: up to 1 counts as equal."""
    spread = 1.0 if contract.task == "classification" else max(float(np.ptp(expected.numbers)), 1e-12)
    return float(np.abs(found - expected.numbers).max()) / spread / TOLERANCE
