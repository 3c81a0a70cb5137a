"""Decide what a column is: a feature of some kind, or something that no model should learn from."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from contract.errors import shorten
from converter.describe.column import Column, number_of
from converter.held import held_problem

Kind = Literal["float", "string", "boolean", "date"]
MOST_WORDS = 1_000
"""Different words of a vocabulary that is taken without being asked for."""
LONG_TEXT = 40
"""Average characters from which text with blanks counts as free text."""
FEW_ROWS = 20
"""Below this many rows, all different values prove nothing."""
_IDENTIFIER = re.compile(r"(^|[._\- ])(_?id|uuid|guid|index|row|key|unnamed: ?0)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A column that is no feature, with the reason."""

    name: str
    reason: str


def kind_of(column: Column, *, words: bool = False) -> Kind | LeftOut:
    """What a column is.

    Args:
        column: counts of all its rows.
        words: its values are words even if they look like numbers.
    """
    present = column.present
    if not present:
        return LeftOut(column.name, "it is empty")
    if column.lists:
        return LeftOut(column.name, f"{column.lists:,} rows hold a list or an object, expected one value")
    if not column.too_many and len(column.words) == 1:
        return LeftOut(column.name, f"it is always {shorten(next(iter(column.words)))}")
    if words:
        return _words(column, asked=True)
    if column.booleans == present:
        return "boolean"
    if column.dates == present:
        return "date"
    if column.numbers == present:
        return _number(column)
    if column.numbers * 2 > present:
        return LeftOut(
            column.name,
            f"{present - column.numbers:,} of its {present:,} values are no numbers that float32 can hold"
            f"{_example(column)}; correct them, or take all as words with --words {column.name}",
        )
    return _words(column, asked=False)


def _example(column: Column) -> str:
    word = next((word for word in column.words if number_of(word) is None), None)
    return "" if word is None else f", such as {shorten(word)}"


def _number(column: Column) -> Kind | LeftOut:
    different = column.present if column.too_many else len(column.words)
    if column.whole and different >= column.present >= FEW_ROWS:
        if column.ascending or _IDENTIFIER.search(column.name):
            return LeftOut(column.name, "it is an identifier: a whole number that is another one in each row")
    elif column.whole and _IDENTIFIER.search(column.name):
        return LeftOut(column.name, "its name says that it is an identifier")
    problem = held_problem(column.low, column.high, column.largest_loss)
    if problem is not None:
        return LeftOut(
            column.name,
            f"{problem}; subtract {column.low:.15g} before training, write it as a date, or take it as words with "
            f"--words {column.name}",
        )
    return "float"


def _words(column: Column, *, asked: bool) -> Kind | LeftOut:
    if column.too_many:
        return LeftOut(column.name, "it has more than 10,000 different values: an identifier or free text")
    different, present = len(column.words), column.present
    if different == present and present >= FEW_ROWS:
        return LeftOut(column.name, "it is an identifier: another text in each row")
    if column.characters > LONG_TEXT * present and column.blanks_inside * 2 > present:
        return LeftOut(column.name, "it is free text")
    if asked:
        return "string"
    if different > MOST_WORDS or (different > 50 and different * 2 >= present):
        return LeftOut(
            column.name,
            f"it has {different:,} different words in {present:,} rows, so most of the live ones would be new; keep "
            f"it with --words {column.name}",
        )
    return "string"
