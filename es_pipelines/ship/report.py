"""What became of the events: one outcome an event, counted for each file. Pure."""

from __future__ import annotations

import enum
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from contract.errors import UnreadableFileError
from es_pipelines.reading.rows import Label
from es_pipelines.ship.events import Event, shown


class Outcome(enum.Enum):
    """What became of an event."""

    STORED = "stored"
    ALREADY_THERE = "already there"
    HEADER = "header"
    BLANK = "blank"
    """A line without anything in it, or a comment of an ARFF file: no event, and not sent."""
    REFUSED = "refused"


@dataclass(slots=True)
class FileReport:
    """What became of one file."""

    path: str
    stored: int = 0
    already_there: int = 0
    """Events that were in the stream before, whether the registry or the stream told."""
    headers: int = 0
    refused: int = 0
    """Refused by Elasticsearch; stored once more without being parsed, with the status failed."""
    blank: int = 0
    """Lines without anything in them, which are no events."""
    unknown_labels: int = 0
    """Events whose label is a word that neither the model nor KDD's test set has; they are predicted all the same."""
    number_labels: int = 0
    """Events with a number or a date where the label should be: the columns are shifted, and the pipeline fails them.
    """
    bytes: int = 0
    """Read and acknowledged."""
    problem: str = ""
    """Why it was not read, or not to its end."""
    unusable: str = ""
    """Why not one of its lines became an event that can be predicted; empty: one did, or nobody can tell."""
    note: str = ""

    @property
    def events(self) -> int:
        """Lines that are events, whatever became of them."""
        return self.stored + self.already_there + self.refused

    def add(self, outcomes: Sequence[Outcome], batch: Sequence[Event]) -> None:
        """Add a settled batch."""
        self.count(outcomes)
        self.bytes += batch[-1].line.end - batch[0].line.offset
        odd = Counter(event.row.label for event in batch)
        self.unknown_labels += odd[Label.UNKNOWN]
        self.number_labels += odd[Label.NOT_A_WORD]

    def count(self, outcomes: Sequence[Outcome]) -> None:
        """Add the outcomes of one batch."""
        self.blank += outcomes.count(Outcome.BLANK)
        self.stored += outcomes.count(Outcome.STORED)
        self.already_there += outcomes.count(Outcome.ALREADY_THERE)
        self.headers += outcomes.count(Outcome.HEADER)
        self.refused += outcomes.count(Outcome.REFUSED)


@dataclass(slots=True)
class ShipReport:
    """What became of all files."""

    files: list[FileReport] = field(default_factory=list)
    seconds: float = 0.0

    def refuse(self, problems: Mapping[Path, UnreadableFileError]) -> None:
        """Note files that cannot be read."""
        for path, error in problems.items():
            self._of(path).problem = str(error)

    def solved(self, path: Path) -> None:
        """Note that a file can be read again."""
        self._of(path).problem = ""

    @contextmanager
    def noting(self, path: Path) -> Iterator[None]:
        """Note what keeps a file from being read; others are shipped all the same."""
        try:
            yield
        except UnreadableFileError as error:
            self.refuse({path: error})

    def _of(self, path: Path) -> FileReport:
        name = shown(os.path.abspath(path))  # noqa: PTH100  as `OpenFile` has it
        found = next((file for file in self.files if file.path == name), None)
        if found is None:
            found = FileReport(name)
            self.files.append(found)
        return found

    @property
    def stored(self) -> int:
        """Events stored now, as pending or as the pipeline saw fit."""
        return sum(file.stored for file in self.files)

    @property
    def already_there(self) -> int:
        """Events that were there before."""
        return sum(file.already_there for file in self.files)

    @property
    def headers(self) -> int:
        """Header lines, which are no events."""
        return sum(file.headers for file in self.files)

    @property
    def refused(self) -> int:
        """Events that Elasticsearch refused and that were stored once more without being parsed, with the status
        failed.
        """
        return sum(file.refused for file in self.files)

    @property
    def blank(self) -> int:
        """Lines without anything in them, which are no events."""
        return sum(file.blank for file in self.files)

    @property
    def unknown_labels(self) -> int:
        """Events whose label is a word that nobody knows."""
        return sum(file.unknown_labels for file in self.files)

    @property
    def number_labels(self) -> int:
        """Events with a number or a date where the label should be."""
        return sum(file.number_labels for file in self.files)

    @property
    def problems(self) -> list[str]:
        """What keeps the run from being a success, one line a file."""
        return [text for file in self.files for text in (file.problem, file.unusable) if text]

    @property
    def bytes(self) -> int:
        """Bytes of all lines that were read."""
        return sum(file.bytes for file in self.files)


@dataclass(frozen=True, slots=True)
class Progress:
    """Where the work is, after each batch."""

    path: str
    offset: int
    size: int
    """Of the file, in bytes."""
    report: ShipReport


def note(report: FileReport, *, empty: bool, remarks: Sequence[str] = ()) -> str:
    """What a person wonders about a file: why there is nothing new, or what happened to it.

    Args:
        report: what became of its events.
        empty: there is no text in it.
        remarks: what else there is to say, each once.
    """
    found = list(dict.fromkeys(remarks))
    if empty and not report.bytes:
        found.append("empty: no events")
    elif not (report.stored or report.refused):
        found.append(_why_nothing(report))
    return "; ".join(found)


def _why_nothing(report: FileReport) -> str:
    if report.already_there or not (report.headers or report.blank):
        return "nothing new"
    lines = "a header line" if report.headers else "blank lines"
    return f"{lines} only: no events"
