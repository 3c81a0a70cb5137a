"""Count the outcomes of events, one for each event, by file. Pure."""

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
from es_pipelines.ship.events import Event, path_text


class EventOutcome(enum.Enum):
    """What happened to an event."""

    STORED = "stored"
    ALREADY_THERE = "already there"
    HEADER = "header"
    BLANK = "blank"
    """An empty line, or a comment in an ARFF file: no event, and not sent."""
    REFUSED = "refused"


@dataclass(slots=True)
class FileReport:
    """The report on one file."""

    path: str
    stored: int = 0
    already_there: int = 0
    """Events that were stored before, according to the registry or the stream."""
    headers: int = 0
    refused: int = 0
    """Events that Elasticsearch refused. They are stored unparsed with the status failed."""
    blank: int = 0
    """Empty lines, which are no events."""
    unknown_labels: int = 0
    """Events with a label that neither the model nor KDD's test set has. They are predicted anyway."""
    number_labels: int = 0
    """Events with a number or a date in place of the label: the columns are shifted, and the pipeline fails them."""
    bytes: int = 0
    """Bytes that were read and acknowledged."""
    problem: str = ""
    """Why the file was not read, or not to its end."""
    unusable: str = ""
    """Why no line became an event that can be predicted; empty if one did, or if it is unknown."""
    note: str = ""

    @property
    def events(self) -> int:
        """Lines that are events, with any outcome."""
        return self.stored + self.already_there + self.refused

    def add(self, outcomes: Sequence[EventOutcome], batch: Sequence[Event]) -> None:
        """Add a settled batch."""
        self.blank += outcomes.count(EventOutcome.BLANK)
        self.stored += outcomes.count(EventOutcome.STORED)
        self.already_there += outcomes.count(EventOutcome.ALREADY_THERE)
        self.headers += outcomes.count(EventOutcome.HEADER)
        self.refused += outcomes.count(EventOutcome.REFUSED)
        self.bytes += batch[-1].line.end - batch[0].line.offset
        odd = Counter(event.row.label for event in batch)
        self.unknown_labels += odd[Label.UNKNOWN]
        self.number_labels += odd[Label.NOT_A_WORD]


@dataclass(slots=True)
class ShipReport:
    """The report on all files."""

    files: list[FileReport] = field(default_factory=list)
    seconds: float = 0.0

    def refuse(self, problems: Mapping[Path, UnreadableFileError]) -> None:
        """Add files that cannot be read."""
        for path, error in problems.items():
            self._of(path).problem = str(error)

    def solved(self, path: Path) -> None:
        """Remove a file's problem, because it can be read again."""
        self._of(path).problem = ""

    @contextmanager
    def noting(self, path: Path) -> Iterator[None]:
        """Add the problem of a file that cannot be read. The other files are still shipped."""
        try:
            yield
        except UnreadableFileError as error:
            self.refuse({path: error})

    def _of(self, path: Path) -> FileReport:
        name = path_text(os.path.abspath(path))  # noqa: PTH100  the same form as in `OpenFile`
        report = next((file for file in self.files if file.path == name), None)
        if report is None:
            report = FileReport(name)
            self.files.append(report)
        return report

    @property
    def stored(self) -> int:
        """Events stored in this run, whatever status the pipeline gave them."""
        return sum(file.stored for file in self.files)

    @property
    def already_there(self) -> int:
        """Events that were stored before."""
        return sum(file.already_there for file in self.files)

    @property
    def headers(self) -> int:
        """Header lines, which are no events."""
        return sum(file.headers for file in self.files)

    @property
    def refused(self) -> int:
        """Events that Elasticsearch refused. They are stored unparsed with the status failed."""
        return sum(file.refused for file in self.files)

    @property
    def blank(self) -> int:
        """Empty lines, which are no events."""
        return sum(file.blank for file in self.files)

    @property
    def unknown_labels(self) -> int:
        """Events with an unknown label."""
        return sum(file.unknown_labels for file in self.files)

    @property
    def number_labels(self) -> int:
        """Events with a number or a date in place of the label."""
        return sum(file.number_labels for file in self.files)

    @property
    def problems(self) -> list[str]:
        """Everything that makes the run a failure, one line for each problem."""
        return [text for file in self.files for text in (file.problem, file.unusable) if text]

    @property
    def bytes(self) -> int:
        """Bytes of all lines that were read."""
        return sum(file.bytes for file in self.files)


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress after each batch."""

    path: str
    offset: int
    size: int
    """Size of the file, in bytes."""
    report: ShipReport


def note(report: FileReport, *, empty: bool, remarks: Sequence[str] = ()) -> str:
    """What a user needs to know about a file: why there is nothing new, or what happened to it.

    Args:
        report: the outcomes of its events.
        empty: the file has no text.
        remarks: other remarks; each is shown once.
    """
    texts = list(dict.fromkeys(remarks))
    if empty and not report.bytes:
        texts.append("empty: no events")
    elif not (report.stored or report.refused):
        texts.append(_why_nothing(report))
    return "; ".join(texts)


def _why_nothing(report: FileReport) -> str:
    if report.already_there or not (report.headers or report.blank):
        return "nothing new"
    lines = "a header line" if report.headers else "blank lines"
    return f"{lines} only: no events"
