"""One input of a model. Needs no TensorFlow."""

from __future__ import annotations

from dataclasses import dataclass

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


def shape_in_words(shape: Shape) -> str:
    """A shape for a message: `n` for the rows, `any` for another axis of any length."""
    sizes = ["any" if size is None else str(size) for size in shape[1:]]
    return f"({', '.join(['n', *sizes])}{'' if sizes else ','})"
