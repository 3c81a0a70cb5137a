"""What a dry run finds out about one file. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from contract.kdd99.labels import DIFFICULTY_NAMES, LABEL_NAMES
from es_pipelines.reading.header import Header, KnownColumns
from es_pipelines.reading.rows import Label


@dataclass(slots=True)
class FilePosition:
    """A place in a file."""

    line: int
    """Counted from 1; in a JSON array, the number of the element."""
    offset: int
    """In bytes of the unpacked text."""


@dataclass(slots=True)
class FailureReason:
    """Why rows would fail, counted over all rows with the same reason."""

    type: str
    """The value of `error.type`."""
    message: str
    """The message of the first of these rows."""
    rows: int
    first: FilePosition


@dataclass(slots=True)
class OddLabel:
    """Labels with the same oddity."""

    kind: str
    rows: int
    example: str
    first: FilePosition


@dataclass(slots=True)
class HeaderFinding:
    """How the columns of a header map to the model."""

    line: int
    columns: list[str]
    features: list[str]
    """Columns that are features of the model."""
    label: str
    difficulty: str
    beside: list[str]
    """Columns that are kept as separate fields."""
    without_name: int
    """Columns that are dropped, because they have no name."""
    missing: list[str]
    """Features without a column. Every row fails if the model needs one of them."""
    sent_as_columns: bool
    """The columns are not in the model's order, so ship sends `csv.columns` with each row."""


@dataclass(slots=True)
class FileFindings:
    """Everything that is known about one file."""

    path: str
    problem: str = ""
    """Why the file cannot be read, or not to its end."""
    format: str = ""
    """`CSV`, `JSON lines`, `JSON array`, `ARFF`, `text` (no known kind of row); empty if there is no event."""
    gzip: bool = False
    delimiter: str = ""
    """In words; empty if it is not recognised or not needed."""
    delimiter_given: bool = False
    header: HeaderFinding | None = None
    """The first header; None if columns are read by position."""
    label_column: str = ""
    rows: int = 0
    """Lines that are events."""
    headers: int = 0
    blank: int = 0
    odd_labels: list[OddLabel] = field(default_factory=list)
    first_row: dict[str, Any] = field(default_factory=dict)
    """The usable features of the first row that would not fail: typed by the pipelines, or as text from the file."""
    dropped: int = 0
    """Rows that the pipelines drop, because they are header lines."""
    failing: int = 0
    """Rows that would fail."""
    reasons: list[FailureReason] = field(default_factory=list)
    asked: bool = False
    """Whether the cluster's pipelines simulated every row."""
    limited: bool = False
    """Whether there are more rows than the limit."""

    @property
    def usable(self) -> int:
        """Rows that would be predicted."""
        return self.rows - self.dropped - self.failing

    def fail(self, kind: str, message: str, place: FilePosition) -> None:
        """Count a row that would fail."""
        self.failing += 1
        known = next((reason for reason in self.reasons if reason.type == kind), None)
        if known is None:
            self.reasons.append(FailureReason(kind, message, 1, place))
        else:
            known.rows += 1

    def odd(self, label: Label, text: str, place: FilePosition) -> None:
        """Count a row with an odd label."""
        known = next((odd for odd in self.odd_labels if odd.kind == label.value), None)
        if known is None:
            self.odd_labels.append(OddLabel(label.value, 1, text, place))
        else:
            known.rows += 1


def header_finding(header: Header, line: int, known: KnownColumns) -> HeaderFinding:
    """How the columns of a header map to the model's features."""
    named = list(zip(header.names, header.roles(known), strict=True))

    def of(use: str) -> list[str]:
        return [name for name, role in named if use_of(role, known) == use]

    return HeaderFinding(
        line=line,
        columns=list(header.names),
        features=of("feature"),
        label=next(iter(of("label")), ""),
        difficulty=next(iter(of("difficulty")), ""),
        beside=of("beside"),
        without_name=len(of("dropped")),
        missing=[name for name in known.columns if name.lower() not in {role for _, role in named}],
        sent_as_columns=not header.in_order(known),
    )


def use_of(role: str, known: KnownColumns) -> str:
    """What a column is used for, by its role."""
    if not role:
        return "dropped"
    if role in known.names:
        return "feature"
    return "label" if role in LABEL_NAMES else "difficulty" if role in DIFFICULTY_NAMES else "beside"
