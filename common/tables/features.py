"""Turn a batch of a table's rows into the arrays that a model takes.

    columns ─┬─ all plain numbers ──▶ float64, all at once ─────────────────────────────┐
             ├─ texts ──────────────▶ each different text once, by `contract.values` ───┼─▶ FeatureColumns
             └─ anything else ──────▶ each value by `contract.values` ──────────────────┘

`contract.values` is the rule for all of them; a test compares the ways.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.tables.batch import Batch
from contract.artifact.contract import Feature, ModelContract
from contract.artifact.json_reader import FLOAT_MAX
from contract.errors import DocumentError, InputError
from contract.values import feature_value

SHOWN = 20
"""Columns that a message names."""
_TEXTS = {str, type(None)}


@dataclass(frozen=True, slots=True)
class FeatureColumns:
    """The features of the rows of a batch."""

    numeric: NDArray[np.float64]
    """Shape (rows, n_numeric); of no use in a row with an error."""
    words: NDArray[np.object_]
    """Shape (rows, n_categorical), str; of no use in a row with an error."""
    errors: dict[int, DocumentError | InputError]
    """The first error of each row that cannot be read, by its place in the batch."""

    @property
    def good(self) -> NDArray[np.intp]:
        """The places of the rows without an error, ascending."""
        fine = np.ones(len(self.numeric), np.bool_)
        fine[list(self.errors)] = False
        return np.flatnonzero(fine)


def read_features(batch: Batch, contract: ModelContract) -> FeatureColumns:
    """The features of a batch. A row that cannot be read has an error, and its neighbours are read."""
    names = columns_of(batch, contract)
    numbers = [names[feature.name] for feature in contract.numeric if feature.reads == "number"]
    known = batch.numbers([name for name in numbers if name is not None])
    numeric = np.empty((batch.size, len(contract.numeric)))
    words = np.empty((batch.size, len(contract.categorical)), np.object_)
    broken: dict[int, DocumentError | InputError] = {place: InputError(why) for place, why in batch.broken.items()}
    errors = dict(broken)
    columns = [*numeric.T, *words.T]
    for feature, into in zip((*contract.numeric, *contract.categorical), columns, strict=True):
        name = names[feature.name]
        if feature.kind == "float":
            plain = known.get(name or "") if feature.reads == "number" else None
            into[:] = _plain(feature, batch, name) if plain is None else plain
            odd = np.flatnonzero(~(np.abs(into) <= FLOAT_MAX)).tolist()  # NaN is odd too
        else:
            odd = list(range(batch.size))
        if odd:
            column = [None] * batch.size if name is None else batch.column(name)
            places = [place for place in odd if place not in broken] if broken else odd
            for place, error in _by_the_rule(feature, column, places, contract.name, into).items():
                errors.setdefault(place, error)
    return FeatureColumns(numeric, words, errors)


def require_columns(batch: Batch, contract: ModelContract) -> None:
    """Stop if a batch lacks a feature in all its rows. A batch of broken rows has no columns, and says nothing.

    Raises:
        InputError: names the features, and the columns that are there.
    """
    found = columns_of(batch, contract)
    missing = [
        feature.name for feature in contract.features if feature.missing == "error" and found[feature.name] is None
    ]
    if missing and len(batch.broken) < batch.size:
        raise InputError(
            f"the rows have no column {', '.join(missing[:5])}; expected a column for each of the "
            f"{len(contract.features)} features, and there are {', '.join(list(batch.columns)[:SHOWN])}"
        )


def columns_of(batch: Batch, contract: ModelContract) -> dict[str, str | None]:
    """The column of each feature. A column is no other field's where it has this one's own name.

    A column that fits two fields only nearly, such as `port` for `source.port` and `destination.port`, is none's.
    """
    found = {feature.name: batch.find(_names(feature)) for feature in contract.features}
    own = {name: feature.field for feature in contract.features for name in (feature.name, feature.field)}
    fields: dict[str, set[str]] = {}
    for feature in contract.features:
        if (column := found[feature.name]) is not None:
            fields.setdefault(column, set()).add(feature.field)
    return {
        feature.name: column
        if (column := found[feature.name]) is None
        or own.get(column) == feature.field
        or (column not in own and len(fields[column]) == 1)
        else None
        for feature in contract.features
    }


def _names(feature: Feature) -> tuple[str, ...]:
    return feature.name, feature.field, feature.field.rpartition(".")[2]


Errors = dict[int, DocumentError]


def _plain(feature: Feature, batch: Batch, name: str | None) -> NDArray[np.float64]:
    """The numbers of a column; NaN where `contract.values` has to decide."""
    n = batch.size
    if name is None or feature.reads != "number":
        return np.full(n, math.nan)
    column = batch.column(name)
    types = set(map(type, column))
    try:
        if types <= {int, float}:
            return np.fromiter(column, np.float64, n)
        if types <= {int, float, type(None)}:
            return np.fromiter((math.nan if value is None else value for value in column), np.float64, n)
    except OverflowError:  # an integer beyond float64
        pass
    return np.full(n, math.nan)


def _by_the_rule(
    feature: Feature, column: Sequence[Any], places: Sequence[int], model: str, into: NDArray[Any]
) -> Errors:
    """Write the values at some places as `contract.values` reads them; return the errors of the others."""

    def read(value: Any) -> float | str | DocumentError:
        try:
            return feature_value(feature, value, model_id=model)
        except DocumentError as error:
            return error.with_traceback(None)

    values = [column[place] for place in places]
    if set(map(type, values)) <= _TEXTS:  # then equal values are read alike, and each different one once
        known = {value: read(value) for value in set(values)}
        found = [known[value] for value in values]
    else:
        found = list(map(read, values))
    errors = {place: value for place, value in zip(places, found, strict=True) if isinstance(value, DocumentError)}
    if errors:
        places = [place for place in places if place not in errors]
        found = [value for value in found if not isinstance(value, DocumentError)]
    into[places] = found
    return errors
