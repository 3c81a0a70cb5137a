"""Some rows of a table, as columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.tables.cells import Cells


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive rows of a file."""

    first: int
    """Number of the first row, counted from 1; a header is no row."""
    size: int
    """How many rows there are, with the broken ones."""
    columns: Mapping[str, Sequence[Any]]
    """By name, one value for each row; None where the row has none. CSV gives text, the others what they hold."""
    broken: Mapping[int, str] = field(default_factory=dict)
    """Rows that cannot be read, by their place in the batch, with the reason; all their values are None."""

    def find(self, names: Sequence[str]) -> str | None:
        """The column with one of these names, the first that fits; else one that differs in capitals or signs only."""
        exact = next((name for name in names if name in self.columns), None)
        if exact is not None:
            return exact
        spelt = {_plain(name): name for name in self.columns}
        return next((spelt[_plain(name)] for name in names if _plain(name) in spelt), None)

    def numbers(self, names: Sequence[str]) -> Mapping[str, NDArray[np.float64]]:
        """Those of some columns that can be read as plain numbers all at once; NaN is a missing one."""
        return self.columns.numbers(names) if isinstance(self.columns, Cells) else {}

    def column(self, name: str) -> Sequence[Any]:
        """The values of a column; None in every row where the batch lacks it."""
        return self.columns.get(name) or [None] * self.size


def _plain(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())
