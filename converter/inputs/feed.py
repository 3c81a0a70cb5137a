"""Bring rows to the inputs of a model in NumPy. It is written apart from the graph, so that one checks the other."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from contract.artifact.contract import ModelContract
from converter.inputs.wiring import Column, WiredInput, Wiring
from converter.rows import Rows


def feed(rows: Rows, wiring: Wiring, contract: ModelContract) -> list[NDArray[Any]]:
    """One array for each input of the model, in the model's order."""
    return [_array(item, rows, wiring, contract) for item in wiring.inputs]


def _array(item: WiredInput, rows: Rows, wiring: Wiring, contract: ModelContract) -> NDArray[Any]:
    columns = [_column(column, rows, wiring, contract, words=item.takes_words) for column in item.columns]
    shape = [len(rows), *(size or 1 for size in item.port.shape[1:])]
    if item.takes_words:
        return np.stack(columns, axis=1).reshape(shape)
    dtype = np.dtype(item.port.dtype if item.port.dtype != "bfloat16" else "float32")
    return np.stack([column.astype(dtype) for column in columns], axis=1).reshape(shape)


def _column(column: Column, rows: Rows, wiring: Wiring, contract: ModelContract, *, words: bool) -> NDArray[Any]:
    feature = column.feature
    if feature.kind == "float":
        values = rows.numeric[:, contract.numeric.index(feature)]
        if column.missing:
            return np.isnan(values).astype(np.float32)
        if feature.missing == "flag" and isinstance(feature.missing_value, float):
            return np.where(np.isnan(values), np.float32(feature.missing_value), values)
        return values
    found = rows.categorical[:, contract.categorical.index(feature)]
    if words:
        return found
    codes, unseen = wiring.codes[feature.name], wiring.unseen[feature.name]
    return np.array([codes.get(word, unseen) for word in found], np.int64)
