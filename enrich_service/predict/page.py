"""The documents of one request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Page:
    """Documents as columns."""

    ids: Sequence[str]
    sources: Sequence[bytes]
    """The JSON object of each document's fields."""


class Container:
    """Replaces a list or an object in a message: its text may have megabytes, or be nested too deep for Python."""

    def __init__(self, value: object) -> None:
        self._words = f"a list of {len(value)}" if isinstance(value, list) else "an object"

    def __repr__(self) -> str:
        return self._words


def printable(value: object) -> object:
    """The value itself, or a `Container` for a list or an object."""
    return Container(value) if isinstance(value, list | dict) else value
