"""Read a file as `ship` does, and find out what would happen to it.

    file ──▶ rows ──▶ the pipelines, a batch at a time ──▶ FileFindings
                └───▶ without a cluster: only count columns and labels

Memory holds one batch at a time, so its use does not grow with the file.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from contract.documents.paths import lookup_clear
from contract.errors import UnreadableFileError
from es_pipelines.dry_run.findings import FileFindings, FilePosition, header_finding
from es_pipelines.dry_run.simulate import Pipelines, SimulatedResult
from es_pipelines.reading.header import DELIMITER_NAMES, KDD, KnownColumns, cells
from es_pipelines.reading.lines import batches
from es_pipelines.reading.open_file import OpenFile
from es_pipelines.reading.rows import JSON, Label, LineKind, Rows
from es_pipelines.reading.shape import Shape
from es_pipelines.ship.events import Event, Identity, event_of, path_text, text_of

CSV = "CSV"
BATCH_ROWS, BATCH_BYTES = 500, 2 * 1024 * 1024
"""Limits of one request. A simulation returns whole documents, which are several times as large as the rows."""


@dataclass(frozen=True, slots=True)
class DryRun:
    """How to read files, and which pipelines to ask."""

    known: KnownColumns = KDD
    delimiter: str | None = None
    follow_symlinks: bool = False
    limit: int | None = None
    """Largest number of rows of each file; None means all."""
    pipelines: Pipelines | None = None
    """None if there is no cluster to ask."""


class _Numbered(NamedTuple):
    place: FilePosition
    event: Event
    width: int | None
    """Number of columns in the header."""


def inspect(path: Path, how: DryRun, on_progress: Callable[[str, int, int, int], None] | None = None) -> FileFindings:
    """Inspect one file.

    Args:
        path: as the user typed it.
        how: how to read it, and which pipelines to ask.
        on_progress: called after each batch with the path, bytes read, bytes in all (0: unknown) and rows.
    Raises:
        InputError: the pipelines can no longer be asked.
    """
    findings = FileFindings(path_text(path))
    try:
        with OpenFile(path, follow_symlinks=how.follow_symlinks) as file:
            _Inspection(file, how, findings).run(on_progress)
    except UnreadableFileError as error:
        findings.problem = str(error)
    return findings


class _Inspection:
    """The inspection of one file."""

    def __init__(self, file: OpenFile, how: DryRun, findings: FileFindings) -> None:
        self._file, self._how, self._findings = file, how, findings
        self._shape = file.shape()
        self._rows = Rows(self._shape, how.known, how.delimiter)
        stem = Path(file.name).stem
        self._identity = Identity(stem, stem, file.name, file.path_text, 0, socket.gethostname())
        findings.gzip, findings.asked = file.packed, how.pipelines is not None
        findings.delimiter_given = how.delimiter is not None
        self._label_place: int | None = None
        """The label's column in rows without a header, counted from 0."""

    def run(self, on_progress: Callable[[str, int, int, int], None] | None) -> None:
        """Read all rows, or as many as the limit allows."""
        findings, limit = self._findings, self._how.limit
        rows = self._numbered()
        limited_rows = rows if limit is None else islice(rows, limit)
        sized = batches(
            limited_rows,
            lambda numbered: len(numbered.event.source),
            max_count=BATCH_ROWS,
            max_bytes=BATCH_BYTES,
        )
        try:
            for batch in sized:
                self._settle(batch)
                if on_progress is not None:
                    on_progress(findings.path, batch[-1].event.line.end, self._file.length, findings.rows)
            findings.limited = limit is not None and findings.rows == limit and next(rows, None) is not None
        except UnreadableFileError as error:
            raise self._file.named(error) from None
        finally:
            self._describe()

    def _numbered(self) -> Iterator[_Numbered]:
        for number, line in enumerate(self._file.lines(0, complete=True), start=1):
            row = self._rows.take(line)
            place = FilePosition(number, line.offset)
            if row.kind is LineKind.EVENT:
                header = self._rows.header
                width = None if header is None else len(header.names)
                yield _Numbered(place, event_of(self._identity, line, row), width)
            elif row.kind is LineKind.BLANK:
                self._findings.blank += 1
            else:
                self._header(number)

    def _header(self, number: int) -> None:
        self._findings.headers += 1
        if self._findings.header is None and self._rows.header is not None:
            self._findings.header = header_finding(self._rows.header, number, self._how.known)

    def _settle(self, batch: list[_Numbered]) -> None:
        results = (
            [self._from_the_file(numbered) for numbered in batch]
            if self._how.pipelines is None
            else self._how.pipelines.ask([numbered.event for numbered in batch])
        )
        for numbered, result in zip(batch, results, strict=True):
            self._count(numbered, result)

    def _count(self, numbered: _Numbered, result: SimulatedResult) -> None:
        findings, content = self._findings, numbered.event.line.content
        findings.rows += 1
        findings.format = findings.format or _format(self._shape, content)
        findings.dropped += result.dropped
        if self._label_place is None and findings.format == CSV and numbered.width is None:
            self._label_place = self._how.known.label_places.get(len(self._cells(content)))
        if numbered.event.row.label is not None:
            findings.odd(numbered.event.row.label, numbered.event.row.label_text, numbered.place)
        if result.error:
            findings.fail(result.error, result.message, numbered.place)
        elif not result.dropped and not findings.first_row:
            findings.first_row = self._features(numbered, result)

    def _cells(self, content: bytes) -> list[str]:
        return cells(text_of(content)[0], self._rows.delimiter or ",")

    def _from_the_file(self, numbered: _Numbered) -> SimulatedResult:
        """Check a row without the pipelines: only its number of columns, and whether its label is a word."""
        content = numbered.event.line.content
        if content.startswith(JSON):
            return SimulatedResult()
        count = len(self._cells(content))
        expected = {numbered.width} if numbered.width is not None else set(self._how.known.lengths)
        if count not in expected:
            wanted = " or ".join(map(str, sorted(expected)))
            return SimulatedResult(
                error="column_count",
                message=f"the line has {count} column{'' if count == 1 else 's'}, expected {wanted}",
            )
        if numbered.event.row.label is Label.NOT_A_WORD:
            return SimulatedResult(error="label_not_a_word", message="the label column holds a number or a date")
        return SimulatedResult()

    def _features(self, numbered: _Numbered, result: SimulatedResult) -> dict[str, Any]:
        known = self._how.known
        if result.document:
            pairs = zip(known.columns, known.fields, strict=True)
            return {name: lookup_clear(result.document, field) for name, field in pairs}
        content = numbered.event.line.content
        if content.startswith(JSON):
            return _of_json(content, known)
        header = self._rows.header
        row = self._cells(content)
        names = known.columns if header is None else header.roles(known)
        by_name = dict(zip(names, row, strict=False))
        return {name: by_name[name.lower()] for name in known.columns if name.lower() in by_name}

    def _describe(self) -> None:
        findings, rows = self._findings, self._rows
        if findings.format == CSV and rows.delimiter is None:
            findings.format = "text"
        findings.delimiter = DELIMITER_NAMES.get(rows.delimiter or "", rows.delimiter or "")
        if findings.header is not None:
            findings.label_column = findings.header.label
        elif self._label_place is not None:
            findings.label_column = f"column {self._label_place + 1}"


def _format(shape: Shape, content: bytes) -> str:
    if shape is not Shape.LINES:
        return str(shape.value)
    return "JSON lines" if content.startswith(JSON) else CSV


def _of_json(content: bytes, known: KnownColumns) -> dict[str, Any]:
    try:
        document = orjson.loads(content)
    except orjson.JSONDecodeError:
        return {}
    if not isinstance(document, dict):
        return {}
    values = {
        name: lookup_clear(document, field) if name not in document else document[name]
        for name, field in zip(known.columns, known.fields, strict=True)
    }
    return {name: value for name, value in values.items() if value is not None}
