"""Recognise each line of a source: an event, a header, or nothing; and what the pipeline needs to read it. Pure.

    line ──▶ Rows.take ──▶ Row: event    is sent, with `csv` fields if the header or the delimiter needs them
                                header   no event; from now on it names the columns
                                blank    nothing

Lines are never changed or parsed here; the ingest pipeline does that. Only the delimiters are counted.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from contract.errors import UnreadableFileError
from es_pipelines.reading.header import DELIMITERS, KDD, Header, KnownColumns, cells, delimiter_fields, header_of
from es_pipelines.reading.lines import Line
from es_pipelines.reading.shape import BYTE_ORDER_MARK, Shape

NO_HEADER = -1
JSON = (b"{", b"[")
NOT_HEADER = frozenset(b"{[<0123456789-+.")
"""First bytes that a header can have only at the beginning of a source."""
RESUME_LINES = 200
"""After a restart, look at this many first lines for the delimiter."""
_ATTRIBUTE = re.compile(r"@attribute\s+('[^']*'|\"[^\"]*\"|\S+)", re.IGNORECASE)
_DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([T ].*)?$")


class LineKind(enum.Enum):
    """The kind of a line."""

    EVENT = "event"
    HEADER = "header"
    BLANK = "blank"


class Label(enum.Enum):
    """What is odd about a line's label."""

    UNKNOWN = "unknown label"
    NOT_A_WORD = "label is a number or a date"


class Row(NamedTuple):
    """One line and its kind."""

    line: Line
    kind: LineKind
    csv_fields: dict[str, Any] | None = None
    """The fields that are sent as `csv` with the line."""
    header: int = NO_HEADER
    """Where the current header line begins; `NO_HEADER` if there is none, or in an ARFF file."""
    label: Label | None = None
    label_text: str = ""


class Rows:
    """The lines of one source, in order.

    Args:
        shape: of the source.
        known: the columns and labels that lines can have.
        delimiter: given by the user; None to recognise it.
    """

    def __init__(self, shape: Shape = Shape.LINES, known: KnownColumns = KDD, delimiter: str | None = None) -> None:
        self._known, self._given = known, delimiter
        self.delimiter = delimiter
        self.header: Header | None = None
        self._place = NO_HEADER
        self.label_at: int | None = None
        """The label's column according to the header, counted from 0."""
        self._csv_fields = delimiter_fields(self.delimiter) or None
        self._attributes: list[str] | None = [] if shape is Shape.ARFF else None
        """The attributes of an ARFF file, until its data begins."""
        self._arff = shape is Shape.ARFF
        self._fresh = True

    @property
    def settled(self) -> bool:
        """Whether enough lines were taken to read any further line."""
        return self._attributes is None and (self.header is not None or self.delimiter is not None)

    def resume(self, first: Iterable[Line], before: int) -> None:
        """Learn the header and delimiter from a source's earlier lines; the next line begins at byte `before`."""
        for count, line in enumerate(first):
            if line.offset >= before or self.settled or (count >= RESUME_LINES and self._attributes is None):
                return
            self.take(line)

    def take(self, line: Line) -> Row:
        """Recognise the next line.

        Raises:
            UnreadableFileError: a header has two names for the same column.
        """
        content = line.content
        if line.offset == 0:
            content = content.removeprefix(BYTE_ORDER_MARK)
        if not content or content.isspace():
            return self._row(line, LineKind.BLANK)
        if self._attributes is not None:
            return self._declaration(line, content.decode(errors="replace").strip(), self._attributes)
        if self._arff and content.startswith(b"%"):
            return self._row(line, LineKind.BLANK)
        if content.startswith(JSON):
            self._fresh = False
            return Row(line, LineKind.EVENT, None, self._place)
        if self._fresh or content[0] not in NOT_HEADER:
            header = header_of(content.decode(errors="replace"), line.offset, self._known, self._delimiters)
            if header is not None:
                self._begin(header)
                return self._row(line, LineKind.HEADER)
        self._fresh = False
        if self.delimiter is None:
            self._recognise(content)
        text = self._label_text(content)
        return Row(line, LineKind.EVENT, self._csv_fields, self._place, label_kind(text, self._known), text)

    @property
    def _delimiters(self) -> tuple[str, ...]:
        return DELIMITERS if self._given is None else (self._given,)

    def _row(self, line: Line, kind: LineKind) -> Row:
        return Row(line, kind, None, self._place)

    def _begin(self, header: Header) -> None:
        if names := header.duplicate_names(self._known):
            raise UnreadableFileError(
                f"the header at byte {header.offset} has two columns that mean the same, {names[0]!r} and "
                f"{names[1]!r}; "
                f"rename one of them"
            )
        self._fresh, self.header, self.delimiter = False, header, header.delimiter
        self._csv_fields = header.csv_fields(self._known)
        self._place = NO_HEADER if self._arff else header.offset
        self.label_at = header.label_at(self._known)

    def _declaration(self, line: Line, text: str, attributes: list[str]) -> Row:
        """A line of an ARFF file before its data."""
        if attribute := _ATTRIBUTE.match(text):
            attributes.append(attribute[1].strip("'\"").strip())
        elif text.lower().startswith("@data"):
            self._attributes = None
            self._begin(Header(tuple(attributes), self._given or ",", line.offset))
        return self._row(line, LineKind.HEADER)

    def _recognise(self, content: bytes) -> None:
        for delimiter in DELIMITERS:
            if content.count(delimiter.encode()) + 1 in self._known.lengths:
                self.delimiter = delimiter
                self._csv_fields = delimiter_fields(self.delimiter) or None
                return

    def _label_text(self, content: bytes) -> str:
        """The label of a row; empty if there is none."""
        if self.delimiter is None:
            return ""
        delimiter = self.delimiter.encode()
        if b'"' in content:
            row: list[str] = cells(content.decode(errors="replace"), self.delimiter)
            count = len(row)
        else:
            row, count = [], content.count(delimiter) + 1
        at = self._label_at(count)
        if at is None:
            return ""
        if row:
            return row[at]
        behind = count - at  # from the end, where the label usually is
        return content.rsplit(delimiter, behind)[-behind].decode(errors="replace").strip().strip("'")

    def _label_at(self, count: int) -> int | None:
        if self.header is None:
            return self._known.label_places.get(count)
        return self.label_at if count == len(self.header.names) else None


def label_kind(text: str, known: KnownColumns) -> Label | None:
    """What is odd about a label; None if it is known or empty. Ignores a full stop at its end."""
    word = text.removesuffix(".")
    if not word or word in known.labels:
        return None
    return Label.NOT_A_WORD if _is_number(text) or _DATE.match(text) else Label.UNKNOWN


def _is_number(text: str) -> bool:
    try:
        float(text.replace(",", "."))
    except ValueError:
        return False
    return True
