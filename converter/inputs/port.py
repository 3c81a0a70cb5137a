"""One input of a model. Needs no TensorFlow."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import onnx
from onnx import TensorProto

from contract.errors import ConversionError

_TYPES: dict[int, str] = {
    TensorProto.FLOAT: "float32",
    TensorProto.DOUBLE: "float64",
    TensorProto.FLOAT16: "float16",
    TensorProto.INT64: "int64",
    TensorProto.INT32: "int32",
    TensorProto.BOOL: "bool",
    TensorProto.STRING: "string",
}
Shape = tuple[int | None, ...]
"""None is an axis of any length, such as the rows."""


@dataclass(frozen=True, slots=True)
class Port:
    """One input of a model, or one output of a preprocessing."""

    name: str
    dtype: str
    """As NumPy names it, or `string`."""
    shape: Shape
    reader: str = ""
    """The layer that reads an input first, such as `LSTM 'memory'`."""

    def __str__(self) -> str:
        return f"{self.name!r} {shape_in_words(self.shape)}"


def ports_of(values: Iterable[onnx.ValueInfoProto]) -> tuple[Port, ...]:
    """The inputs or outputs of a graph.

    Raises:
        ConversionError: one is no tensor of numbers or text with rows.
    """
    return tuple(map(_port, values))


def _port(item: onnx.ValueInfoProto) -> Port:
    if not item.type.HasField("tensor_type"):
        raise ConversionError(f"{item.name!r} is no tensor; export the transformer alone, without a classifier")
    tensor = item.type.tensor_type
    if tensor.elem_type not in _TYPES:
        raise ConversionError(
            f"{item.name!r} has the type {TensorProto.DataType.Name(tensor.elem_type)}, expected numbers or text"
        )
    sizes = [axis.dim_value if axis.dim_value > 0 else None for axis in tensor.shape.dim]
    if not sizes:
        raise ConversionError(f"{item.name!r} has no rows; export it with a first axis of any length")
    return Port(item.name, _TYPES[tensor.elem_type], (None, *sizes[1:]))


def shape_in_words(shape: Shape) -> str:
    """A shape for a message: `n` for the rows, `any` for another axis of any length."""
    sizes = ["any" if size is None else str(size) for size in shape[1:]]
    return f"({', '.join(['n', *sizes])}{'' if sizes else ','})"
