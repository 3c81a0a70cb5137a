"""The documents of one request, on the way through the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Page:
    """Documents as columns."""

    ids: Sequence[str]
    sources: Sequence[bytes]
    """The JSON object of each document's fields."""

    def where(self, chosen: Sequence[bool]) -> Page:
        """Some of the documents."""
        return Page(
            [doc_id for doc_id, wanted in zip(self.ids, chosen, strict=True) if wanted],
            [source for source, wanted in zip(self.sources, chosen, strict=True) if wanted],
        )


class Container:
    """Stands in a message for a list or an object: its text could be megabytes, or deeper than Python can print."""

    def __init__(self, value: object) -> None:
        self._words = f"a list of {len(value)}" if isinstance(value, list) else "an object"

    def __repr__(self) -> str:
        return self._words


def printable(value: object) -> object:
    """The value itself where it is short to print, else a `Container`."""
    return Container(value) if isinstance(value, list | dict) else value
