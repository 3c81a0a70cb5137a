"""What is known of a table's rows before anything is decided.

batches ─▶ see ─▶ Seen: counts of each column, a sample of whole rows
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from common.tables.batch import Batch
from common.tables.bounds import MAX_COLUMNS
from contract.errors import InputError
from contract.values import is_missing
from converter.describe.column import Column, word_of
from converter.describe.sample import Sample


@dataclass(frozen=True, slots=True)
class Seen:
    """The rows of a table, counted."""

    columns: Mapping[str, Column]
    sample: Sample
    rows: int
    broken: int
    """Rows that could not be read."""

    def words_of(self, name: str) -> Counter[str]:
        """How often each value of a column occurs: in all rows, or in the sample if there are too many values."""
        column = self.columns[name]
        if not column.too_many:
            return column.words
        values = (row.get(name) for row in self.sample.rows)
        return Counter(word_of(value) for value in values if not is_missing(value))


def see(batches: Iterable[Batch]) -> Seen:
    """Read all rows once, in bounded memory.

    Raises:
        InputError: there are no rows, or too many columns.
    """
    columns: dict[str, Column] = {}
    sample = Sample()
    rows = broken = 0
    for batch in batches:
        _count(columns, batch, rows)
        rows, broken = rows + batch.size - len(batch.broken), broken + len(batch.broken)
        sample.add(batch)
    if not rows:
        raise InputError("there are no rows to describe; name a file with a header and rows")
    return Seen(columns, sample, rows, broken)


def _count(columns: dict[str, Column], batch: Batch, rows_before: int) -> None:
    good = [place for place in range(batch.size) if place not in batch.broken]
    for name in dict.fromkeys((*columns, *batch.columns)):
        column = columns.get(name)
        if column is None:
            column = columns[name] = Column(name)
            column.add([None] * rows_before)
        if len(columns) > MAX_COLUMNS:
            raise InputError(f"the rows have more than {MAX_COLUMNS:,} different columns; leave some out")
        values = batch.column(name)
        column.add(values if len(good) == batch.size else [values[place] for place in good])
