"""Consecutive lines of a delimited file without quotes, as columns that are cut out only on demand.

bytes ──▶ where each cell ends, all at once ─┬─▶ a column as texts
                                             └─▶ columns of plain numbers, by a JSON parser: the fastest there is
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import orjson
from numpy.typing import NDArray

from contract.values import MAX_NUMBER

NEWLINE = ord("\n")
_IN_NUMBERS = b"0123456789+-.eE \n"
"""The characters of JSON's numbers, which are some of those that `contract.values` takes."""


class Cells(Mapping[str, Sequence[str]]):
    """The columns of some lines, each by its name.

    Args:
        data: whole lines, each with a line end, without quotes, carriage returns and blank lines.
        delimiter: one character.
        header: the columns' names.
    Raises:
        ValueError: a line has more or fewer cells than the header.
        UnicodeDecodeError: the lines are not UTF-8.
    """

    def __init__(self, data: bytes, delimiter: str, header: Sequence[str]) -> None:
        self._data, self._places = data, {name: place for place, name in enumerate(header)}
        self._delimiter = ord(delimiter)
        if not data.isascii():
            data.decode()
        self._bytes = np.frombuffer(data, np.uint8)
        self._ends = np.flatnonzero((self._bytes == self._delimiter) | (self._bytes == NEWLINE))
        width = len(header)
        at_line_ends = self._bytes[self._ends] == NEWLINE
        if len(self._ends) % width or not (at_line_ends.nonzero()[0] % width == width - 1).all():
            raise ValueError("a line has more or fewer cells than the header")
        if np.count_nonzero(at_line_ends) * width != len(self._ends):
            raise ValueError("a line has more or fewer cells than the header")
        self.rows = len(self._ends) // width
        self._cut: dict[str, list[str]] = {}

    def __getitem__(self, name: str) -> list[str]:
        if name not in self._cut:
            place, width = self._places[name], len(self._places)
            begins = np.append(-1, self._ends[:-1])[place::width] + 1
            spans = zip(begins.tolist(), self._ends[place::width].tolist(), strict=True)
            self._cut[name] = [self._data[begin:end].decode() for begin, end in spans]
        return self._cut[name]

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def numbers(self, names: Sequence[str]) -> dict[str, NDArray[np.float64]]:
        """Those of some columns whose values are plain numbers or empty, as numbers; an empty cell is NaN.

        What is in no such column may be a number all the same: in another spelling, or with a word beside it.
        """
        width = len(self._places)
        wanted = np.zeros(width, np.bool_)
        wanted[[self._places[name] for name in names]] = True
        lengths = np.diff(self._ends, prepend=-1)
        wanted &= lengths.reshape(-1, width).max(axis=0) <= MAX_NUMBER + 1
        allowed = _IN_NUMBERS + bytes([self._delimiter])
        if self._data.translate(None, allowed):
            is_odd = np.ones(256, np.bool_)
            is_odd[list(allowed)] = False
            odd = np.flatnonzero(is_odd[self._bytes])
            wanted[np.searchsorted(self._ends, odd) % width] = False
        if not wanted.any():
            return {}
        values = self._parsed(wanted, lengths)
        if values is None:
            return {}
        found = [name for name, place in self._places.items() if wanted[place]]
        return dict(zip(found, values.reshape(self.rows, len(found)).T, strict=True))

    def _parsed(self, wanted: NDArray[np.bool_], lengths: NDArray[np.intp]) -> NDArray[np.float64] | None:
        """The numbers of some columns, row by row; None if a cell is not a JSON number."""
        data, gaps = self._bytes, bool((lengths.reshape(-1, len(wanted))[:, wanted] == 1).any())
        if not wanted.all():
            data = data[np.repeat(np.tile(wanted, self.rows), lengths)]
        commas = bytes.maketrans(bytes([self._delimiter, NEWLINE]), b",,")
        text = b"," + data.tobytes().translate(commas)
        if gaps:
            text = text.replace(b",,", b",null,").replace(b",,", b",null,")
        try:
            found = orjson.loads(b"[" + text[1:-1] + b"]")
        except orjson.JSONDecodeError:
            return None
        if not found:  # the only cell consists of blanks
            return None
        if gaps:
            found = [math.nan if value is None else value for value in found]
        return np.frombuffer(struct.pack(f"{len(found)}d", *found))  # NumPy takes longer to read the same floats
