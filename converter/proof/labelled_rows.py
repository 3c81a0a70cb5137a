"""Rows of a file as a contract's features, with the column of the truth: what a model is tried and measured on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from common.tables.batch import Batch
from contract.artifact.contract import Feature, ModelContract
from contract.errors import DocumentError, InputError
from contract.values import feature_value
from converter.rows import N_MOST, Rows, as_float32


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
    numeric: list[list[float]] = []
    words: list[list[str]] = []
    truth: list[Any] = []
    numbers: list[int] = []
    refused, why, checked = 0, "", False
    for batch in batches:
        if not checked:
            _require(batch, contract, label)
            checked = True
        columns = [column_of(batch, feature) for feature in contract.features]
        labels = batch.column(label) if label is not None else None
        for place in range(batch.size):
            try:
                if place in batch.broken:
                    raise InputError(batch.broken[place])
                values = [
                    feature_value(feature, column[place], model_id=contract.name)
                    for feature, column in zip(contract.features, columns, strict=True)
                ]
            except (DocumentError, InputError) as error:
                why = why or f"row {batch.first + place}: {error}"
                refused += 1
                continue
            numeric.append([value for value in values if isinstance(value, float)])
            words.append([value for value in values if isinstance(value, str)])
            numbers.append(batch.first + place)
            if labels is not None:
                truth.append(labels[place])
        if len(numbers) >= most:
            break
    if not numbers:
        raise InputError(f"no row can be read as the contract says ({why or 'there are none'}); correct the rows")
    n = len(numbers)
    return LabelledRows(
        Rows(
            as_float32(np.array(numeric, float).reshape(n, len(contract.numeric)), contract),
            np.array(words, object).reshape(n, len(contract.categorical)),
        ),
        truth if label is not None else None,
        numbers,
        refused,
        why,
    )


def column_of(batch: Batch, feature: Feature) -> Sequence[Any]:
    """A feature's column: by its name, else by its field, else by the last part of its field."""
    name = batch.find(_names(feature))
    return [None] * batch.size if name is None else batch.column(name)


def _names(feature: Feature) -> tuple[str, ...]:
    return feature.name, feature.field, feature.field.rpartition(".")[2]


def _require(batch: Batch, contract: ModelContract, label: str | None) -> None:
    missing = [
        feature.name
        for feature in contract.features
        if feature.missing == "error" and batch.find(_names(feature)) is None
    ]
    if missing:
        raise InputError(
            f"the rows have no column {', '.join(missing[:5])}; expected a column for each of the "
            f"{len(contract.features)} features, and there are {', '.join(list(batch.columns)[:20])}"
        )
    if label is not None and label not in batch.columns:
        raise InputError(f"the rows have no column {label!r} for the truth; there are {', '.join(batch.columns)}")
