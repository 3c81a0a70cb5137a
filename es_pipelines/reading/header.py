"""The header line of a CSV file: which column holds what, and what the ingest pipeline must know of it. Pure.

header line ──▶ Header(names, delimiter) ──▶ csv: {"columns": [...], "delimiter": ";"}   beside `message`
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from contract.kdd99 import columns as kdd99
from contract.kdd99.labels import DIFFICULTY_NAMES, LABEL, LABEL_NAMES

DELIMITERS = (",", ";", "\t", "|")
"""Recognised in this order where several fit."""
DELIMITER_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}


@dataclass(frozen=True)
class Known:
    """The columns and labels that a line may have."""

    columns: tuple[str, ...] = kdd99.COLUMNS
    """In the order of a line without a header."""
    fields: tuple[str, ...] = tuple(map(kdd99.field_of, kdd99.COLUMNS))
    """The document field of each column."""
    labels: frozenset[str] = frozenset({label.name for label in kdd99.LABELS} | kdd99.TEST_ONLY_FAMILIES.keys())

    @cached_property
    def names(self) -> frozenset[str]:
        """The columns in lower case."""
        return frozenset(name.lower() for name in self.columns)

    @cached_property
    def roles(self) -> dict[str, str]:
        """Role of a column by its name as a header may have it: a column's, or its field's."""
        own = {field.lower(): name.lower() for name, field in zip(self.columns, self.fields, strict=True)}
        own |= {name: name for name in self.names}
        aliases = {**dict.fromkeys(LABEL_NAMES, LABEL), **dict.fromkeys(DIFFICULTY_NAMES, DIFFICULTY_NAMES[0])}
        return {**aliases, **own}

    @cached_property
    def anchors(self) -> tuple[str, ...]:
        """Enough names that every header, which has half of all, has one of them."""
        longest_first = sorted(self.names, key=len, reverse=True)
        return tuple(longest_first[: len(longest_first) // 2 + 1])

    @cached_property
    def label_places(self) -> dict[int, int]:
        """Length of a line without a header: the column of its label, counted from 0."""
        whole, short = len(self.columns), len(kdd99.FLOW)
        places = {whole + 1: whole, whole + 2: whole}  # NSL-KDD has a difficulty behind the label
        return places | ({short + 1: short} if self.columns == kdd99.COLUMNS else {})

    @cached_property
    def lengths(self) -> frozenset[int]:
        """Columns that a line without a header may have."""
        return frozenset({len(self.columns), *self.label_places, *(place for place in self.label_places.values())})


KDD = Known()


@dataclass(frozen=True)
class Header:
    """A header line."""

    names: tuple[str, ...]
    """As they stand there, without blanks around them and without quotes."""
    delimiter: str
    offset: int
    """Where the line begins, in bytes."""

    def roles(self, known: Known) -> tuple[str, ...]:
        """What each column is: the name of a feature in lower case, `label`, `difficulty`, or its own name."""
        return tuple(known.roles.get(plain(name), name) for name in self.names)

    def label_at(self, known: Known) -> int | None:
        """The column of the label, counted from 0."""
        roles = self.roles(known)
        return roles.index(LABEL) if LABEL in roles else None

    def doubled(self, known: Known) -> tuple[str, str] | None:
        """Two names that mean the same column."""
        seen: dict[str, str] = {}
        for name, role in zip(self.names, self.roles(known), strict=True):
            if role and role in seen:
                return seen[role], name
            seen[role] = name
        return None

    def in_order(self, known: Known) -> bool:
        """Whether the pipeline reads its lines by position, without any columns named."""
        columns = tuple(name.lower() for name in known.columns)
        return self.roles(known) in (columns, (*columns, LABEL))

    def beside(self, known: Known) -> dict[str, Any] | None:
        """What is sent as `csv` beside each line; None: nothing."""
        columns = {} if self.in_order(known) else {"columns": list(self.names)}
        return {**columns, **delimiter_beside(self.delimiter)} or None


def delimiter_beside(delimiter: str) -> dict[str, Any]:
    """What is sent of a delimiter: nothing of a comma."""
    return {} if delimiter == "," else {"delimiter": delimiter}


def header_of(text: str, offset: int, known: Known, delimiters: tuple[str, ...] = DELIMITERS) -> Header | None:
    """The header in a line; None: it is no header, because it has less than half of the known columns.

    A header behind a syslog frame is none: what its first name is nobody can tell.
    """
    lower = text.lower()
    if not any(name in lower for name in known.anchors):
        return None
    best, hits = None, 0
    for delimiter in delimiters:
        found = sum(known.roles.get(plain(cell)) in known.names for cell in lower.split(delimiter))
        if found > hits:
            best, hits = delimiter, found
    if best is None or 2 * hits < len(known.names):
        return None
    names = tuple(cell.strip("\ufeff") for cell in cells(text, best))
    return None if ":" in names[0] or names[0].startswith("<") else Header(names, best, offset)


def plain(name: str) -> str:
    """A name as names are compared: without regard to case, blanks and quotes."""
    return "".join(name.split()).strip("'\"\ufeff").lower()


def cells(text: str, delimiter: str) -> list[str]:
    """The columns of a line, without quotes and blanks around them."""
    try:
        row = next(csv.reader([text], delimiter=delimiter, skipinitialspace=True), [])
    except csv.Error:
        row = text.split(delimiter)
    return [cell.strip().strip("'").strip() for cell in row]
