"""The header of a CSV file: which column holds what, and what the ingest pipeline needs to know about it. Pure.

header line ──▶ Header(names, delimiter) ──▶ csv: {"columns": [...], "delimiter": ";"}   sent with `message`
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from contract.artifact.contract import EventWords
from contract.kdd99 import columns as kdd99
from contract.kdd99.labels import DIFFICULTY_NAMES, LABEL, LABEL_NAMES

DELIMITERS = (",", ";", "\t", "|")
"""In this order; the first one that fits is used."""
DELIMITER_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}

NETWORK = EventWords()
"""The ECS words of contracts that name none."""


@dataclass(frozen=True)
class KnownColumns:
    """The columns and labels that a line can have."""

    columns: tuple[str, ...] = kdd99.COLUMNS
    """In the order of a line without a header."""
    fields: tuple[str, ...] = tuple(map(kdd99.field_of, kdd99.COLUMNS))
    """The document field of each column."""
    labels: frozenset[str] = frozenset({label.name for label in kdd99.LABELS} | kdd99.TEST_ONLY_FAMILIES.keys())
    aliases: tuple[tuple[str, str], ...] = ()
    """Further names of a column, each with the column's name."""
    label_names: tuple[str, ...] = LABEL_NAMES
    """Names of the label's column, in lower case."""
    event: EventWords = NETWORK
    """The ECS words of the documents."""

    @cached_property
    def names(self) -> frozenset[str]:
        """The columns in lower case."""
        return frozenset(name.lower() for name in self.columns)

    @cached_property
    def roles(self) -> dict[str, str]:
        """The role of a column by its name in a header: the name of the column or of its field."""
        own = {field.lower(): name.lower() for name, field in zip(self.columns, self.fields, strict=True)}
        own |= {name: name for name in self.names}
        aliases = {**dict.fromkeys(self.label_names, LABEL), **dict.fromkeys(DIFFICULTY_NAMES, DIFFICULTY_NAMES[0])}
        aliases |= {alias.lower(): name.lower() for alias, name in self.aliases}
        return {**aliases, **own}

    @cached_property
    def anchors(self) -> tuple[str, ...]:
        """Enough names that every header has at least one of them, because a header has at least half of all names."""
        longest_first = sorted(self.names, key=len, reverse=True)
        return tuple(longest_first[: len(longest_first) // 2 + 1])

    @cached_property
    def label_places(self) -> dict[int, int]:
        """The label's column, counted from 0, by the number of columns in a line without a header."""
        whole, short = len(self.columns), len(kdd99.FLOW)
        places = {whole + 1: whole, whole + 2: whole}  # NSL-KDD has a difficulty after the label
        return places | ({short + 1: short} if self.columns == kdd99.COLUMNS else {})

    @cached_property
    def lengths(self) -> frozenset[int]:
        """Possible numbers of columns in a line without a header."""
        return frozenset({len(self.columns), *self.label_places, *(place for place in self.label_places.values())})


KDD = KnownColumns()


@dataclass(frozen=True)
class Header:
    """A header line."""

    names: tuple[str, ...]
    """As written, without surrounding blanks and quotes."""
    delimiter: str
    offset: int
    """Where the line begins, in bytes."""

    def roles(self, known: KnownColumns) -> tuple[str, ...]:
        """The role of each column: a feature's name in lower case, `label`, `difficulty`, or the column's own name."""
        return tuple(known.roles.get(plain(name), name) for name in self.names)

    def label_at(self, known: KnownColumns) -> int | None:
        """The label's column, counted from 0; None if there is none."""
        roles = self.roles(known)
        return roles.index(LABEL) if LABEL in roles else None

    def duplicate_names(self, known: KnownColumns) -> tuple[str, str] | None:
        """Two names that mean the same column; None if there are none."""
        seen: dict[str, str] = {}
        for name, role in zip(self.names, self.roles(known), strict=True):
            if role and role in seen:
                return seen[role], name
            seen[role] = name
        return None

    def in_order(self, known: KnownColumns) -> bool:
        """Whether the pipeline can read the lines by position, without column names."""
        columns = tuple(name.lower() for name in known.columns)
        return self.roles(known) in (columns, (*columns, LABEL))

    def csv_fields(self, known: KnownColumns) -> dict[str, Any] | None:
        """The fields that are sent as `csv` with each line; None if there are none."""
        columns = {} if self.in_order(known) else {"columns": list(self.names)}
        return {**columns, **delimiter_fields(self.delimiter)} or None


def delimiter_fields(delimiter: str | None) -> dict[str, Any]:
    """The fields that describe a delimiter; empty for a comma, which is the default, and for one that is not known."""
    return {} if delimiter in (None, ",") else {"delimiter": delimiter}


def header_of(text: str, offset: int, known: KnownColumns, delimiters: tuple[str, ...] = DELIMITERS) -> Header | None:
    """The header in a line; None if fewer than half of the known columns occur in it.

    A header inside a syslog frame is not recognised, because its first name is unclear.
    """
    lower = text.lower()
    if not any(name in lower for name in known.anchors):
        return None
    best, hits = None, 0
    for delimiter in delimiters:
        known_names = sum(known.roles.get(plain(cell)) in known.names for cell in lower.split(delimiter))
        if known_names > hits:
            best, hits = delimiter, known_names
    if best is None or 2 * hits < len(known.names):
        return None
    names = tuple(cell.strip("\ufeff") for cell in cells(text, best))
    return None if ":" in names[0] or names[0].startswith("<") else Header(names, best, offset)


def plain(name: str) -> str:
    """A name in the form for comparisons: without case, blanks and quotes."""
    return "".join(name.split()).strip("'\"\ufeff").lower()


def cells(text: str, delimiter: str) -> list[str]:
    """The columns of a line, without surrounding quotes and blanks."""
    try:
        row = next(csv.reader([text], delimiter=delimiter, skipinitialspace=True), [])
    except csv.Error:
        row = text.split(delimiter)
    return [cell.strip().strip("'").strip() for cell in row]
