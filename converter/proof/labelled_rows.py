"""Rows of a file as a contract's features, with the column of the truth: what a model is tried and measured on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.tables.batch import Batch
from common.tables.features import read_features, require_columns
from contract.artifact.contract import ModelContract
from contract.errors import InputError
from converter.rows import N_MOST, Rows, as_float32

Rows64 = tuple[NDArray[np.float64], NDArray[np.object_]]
"""Numbers before they become float32, and words."""


@dataclass(frozen=True)
class LabelledRows:
    """Rows that the model can read, in the file's order."""

    rows: Rows
    truth: Sequence[Any] | None
    """The label's column, one value a row; None if there is none."""
    numbers: Sequence[int]
    """Number of each row in the file, counted from 1."""
    refused: int
    """Rows that the model cannot read."""
    why: str
    """The first of these, in words."""


def labelled_rows(
    batches: Iterable[Batch], contract: ModelContract, *, label: str | None = None, most: int = N_MOST
) -> LabelledRows:
    """The rows of a table.

    Args:
        batches: columns are found by the features' names, else by their fields.
        contract: the features.
        label: the column of the truth.
        most: rows that are read.
    Raises:
        InputError: a column is missing, or no row can be read.
    """
    parts: list[Rows64] = []
    truth: list[Any] = []
    numbers: list[int] = []
    refused, why = 0, ""
    for batch in batches:
        if not parts:
            _require(batch, contract, label)
        found = read_features(batch, contract)
        good = found.good
        parts.append((found.numeric[good], found.words[good]))
        numbers += (good + batch.first).tolist()
        refused += len(found.errors)
        if found.errors and not why:
            place = min(found.errors)
            why = f"row {batch.first + place}: {found.errors[place]}"
        if label is not None:
            labels = batch.column(label)
            truth += [labels[place] for place in good.tolist()]
        if len(numbers) >= most:
            break
    if not numbers:
        raise InputError(f"no row can be read as the contract says ({why or 'there are none'}); correct the rows")
    return LabelledRows(
        Rows(
            as_float32(np.concatenate([numeric for numeric, _ in parts]), contract),
            np.concatenate([words for _, words in parts]),
        ),
        truth if label is not None else None,
        numbers,
        refused,
        why,
    )


def _require(batch: Batch, contract: ModelContract, label: str | None) -> None:
    require_columns(batch, contract)
    if label is not None and label not in batch.columns:
        raise InputError(f"the rows have no column {label!r} for the truth; there are {', '.join(batch.columns)}")
