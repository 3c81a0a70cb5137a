"""From input tensors of the Open Inference Protocol to the arrays that the graph takes.

    {"name", "shape", "datatype", "data"} ──▶ Tensor ──▶ shape [n, columns]? ──▶ flat data ──▶ float32 or text
                                                400           400, 413              400            400

Nothing here imports Flask. The rules for values are those of documents, with one exception: a text with a number is no
number here, because a program wrote the tensor and not a shipper.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contract.artifact.json_reader import FLOAT_MAX
from contract.errors import shorten
from contract.values import A_WORD, MAX_WORD, has_utf8, printable
from enrich_service.request_body import RequestError

INVALID = "invalid_tensor"
"""Code of every error here; it appears in metrics and logs, the protocol's responses have no place for it."""
MAX_SHOWN_DIMENSIONS = 8
"""Most dimensions of a shape in a message."""
NOT_OFFERED = ("binary_data_size", "shared_memory_region")
"""Parameters of an input whose data is not in the JSON."""

_NUMBERS = frozenset({int, float})


@dataclass(frozen=True, slots=True)
class Tensor:
    """One input as a client sends it."""

    path: str
    """Its place in the request, `inputs[0]`."""
    name: str
    shape: Any
    datatype: Any
    data: Any


def invalid(message: str) -> RequestError:
    """The error for a request that the protocol does not allow."""
    return RequestError(400, INVALID, message)


def tensor(position: int, item: Any) -> Tensor:
    """The tensor at a place of `inputs`.

    Raises:
        RequestError: 400, it is no tensor, or its data is not in the JSON.
    """
    path = f"inputs[{position}]"
    if not isinstance(item, dict):
        raise invalid(f"{path} is {shorten(printable(item))}, expected an object with name, shape, datatype and data")
    parameters(path, item)
    for key in NOT_OFFERED:
        if key in item.get("parameters", {}):
            raise invalid(
                f"{path}.parameters has {key!r}, but this service accepts tensors only inside the JSON; "
                f"send `data` (in tritonclient: set_data_from_numpy(..., binary_data=False))"
            )
    for key in ("name", "shape", "datatype", "data"):
        if key not in item:
            raise invalid(f"{path}.{key} is missing; expected an object with name, shape, datatype and data")
    if not isinstance(item["name"], str):
        raise invalid(f"{path}.name is {shorten(printable(item['name']))}, expected text")
    return Tensor(path, item["name"], item["shape"], item["datatype"], item["data"])


def parameters(path: str, holder: Mapping[str, Any]) -> Mapping[str, Any]:
    """The parameters of a request, an input or an output; empty if it has none.

    Raises:
        RequestError: 400, they are no object.
    """
    given = holder.get("parameters", {})
    if not isinstance(given, dict):
        where = f"{path}.parameters" if path else "parameters"
        raise invalid(f"{where} is {shorten(printable(given))}, expected an object")
    return given


def numbers(
    sent: Tensor, *, columns: int, max_rows: int, may_miss: Collection[int] = frozenset()
) -> NDArray[np.float32]:
    """The numeric input, shape (n, columns), all finite; float32 keeps about seven digits.

    Args:
        sent: the tensor.
        columns: its number of columns.
        max_rows: the most rows that are accepted.
        may_miss: columns that accept null, which the graph gets as NaN.

    Raises:
        RequestError: 400 another shape, datatype or value; 413 more rows than `max_rows`.
    """
    flat = _flat(sent, columns=columns, datatype="FP32", max_rows=max_rows)
    missing = [place for place, value in enumerate(flat) if value is None and place % columns in may_miss]
    if missing:
        flat = list(flat)
        for place in missing:
            flat[place] = 0.0
    if not _NUMBERS.issuperset(map(type, flat)):
        position = next(i for i, value in enumerate(flat) if type(value) not in _NUMBERS)
        raise _wrong_value(sent, position, flat[position], columns, "a number")
    try:
        wide = np.array(flat, np.float64)
        good = np.abs(wide) <= FLOAT_MAX  # false for NaN as well
    except OverflowError:  # an integer beyond float64
        good = np.array([-FLOAT_MAX <= value <= FLOAT_MAX for value in flat])
    if not good.all():
        position = int(np.argmin(good))
        expected = f"a finite number of at most {FLOAT_MAX:.3g} (float32)"
        raise _wrong_value(sent, position, flat[position], columns, expected)
    wide[missing] = np.nan
    return wide.astype(np.float32).reshape(-1, columns)


def words(sent: Tensor, *, columns: int, max_rows: int) -> NDArray[np.object_]:
    """The categorical input, shape (n, columns), text.

    Raises:
        RequestError: 400 another shape, datatype or value; 413 more rows than `max_rows`.
    """
    flat = _flat(sent, columns=columns, datatype="BYTES", max_rows=max_rows)
    if {*map(type, flat)} != {str} or not all(map(_is_word, {*flat})):  # checks each different word once
        for position, value in enumerate(flat):
            if not _is_word(value):
                raise _wrong_value(sent, position, value, columns, f"{A_WORD} in UTF-8")
    return np.array(flat, np.object_).reshape(-1, columns)


def _is_word(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MAX_WORD and has_utf8(value)


def _flat(sent: Tensor, *, columns: int, datatype: str, max_rows: int) -> list[Any]:
    """The data in one list, row by row; it may be nested, and has the length of the shape."""
    if sent.datatype != datatype:
        raise invalid(
            f"{sent.path}.datatype is {shorten(printable(sent.datatype))}, expected {datatype!r} for {sent.name!r}"
        )
    rows = _rows(sent, columns)
    if rows > max_rows:
        raise RequestError(
            413,
            "too_many_documents",
            f"{sent.path}.shape has {shorten(rows)} rows, at most {max_rows} go in one request; "
            f"send them in parts, or raise OVERSIGHT_SERVE_MAX_DOCUMENTS",
        )
    data = sent.data
    if not isinstance(data, list):
        raise invalid(f"{sent.path}.data is {shorten(printable(data))}, expected a list")
    if data and isinstance(data[0], list):
        return _unnested(sent, data, rows=rows, columns=columns)
    if len(data) != rows * columns:
        raise invalid(
            f"{sent.path}.data has {len(data)} values, expected {rows * columns} for the shape [{rows}, {columns}]"
        )
    return data


def _rows(sent: Tensor, columns: int) -> int:
    """The first dimension of a shape that must be [n, columns]."""
    shape = sent.shape
    if (
        isinstance(shape, list)
        and len(shape) == 2
        and all(type(dimension) is int for dimension in shape)
        and shape[0] >= 0
        and shape[1] == columns
    ):
        return int(shape[0])
    short = isinstance(shape, list) and len(shape) <= MAX_SHOWN_DIMENSIONS
    shown = [printable(dimension) for dimension in shape] if short else printable(shape)
    raise invalid(f"{sent.path}.shape is {shorten(shown)}, expected [n, {columns}] for {sent.name!r}")


def _unnested(sent: Tensor, data: list[Any], *, rows: int, columns: int) -> list[Any]:
    if len(data) != rows:
        raise invalid(f"{sent.path}.data has {len(data)} rows, expected {rows} for the shape [{rows}, {columns}]")
    for position, row in enumerate(data):
        if not isinstance(row, list) or len(row) != columns:
            raise invalid(
                f"{sent.path}.data[{position}] is {shorten(printable(row))}, expected a list of {columns} values"
            )
    return list(chain.from_iterable(data))


def _wrong_value(sent: Tensor, position: int, value: Any, columns: int, expected: str) -> RequestError:
    row, column = divmod(position, columns)
    return invalid(
        f"{sent.path}.data, row {row}, column {column} is {shorten(printable(value))}, expected {expected} "
        f"in {sent.name!r}"
    )
