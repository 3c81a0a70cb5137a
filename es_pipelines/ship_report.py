"""What became of the events: one outcome an event, counted for each file. Pure."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field


class Outcome(enum.Enum):
    """What became of an event."""

    STORED = "stored"
    ALREADY_THERE = "already there"
    HEADER = "header"
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
    """Refused by Elasticsearch; stored around the pipeline, with the status failed."""
    bytes: int = 0
    """Read and acknowledged."""
    note: str = ""

    def count(self, outcomes: Sequence[Outcome]) -> None:
        """Add the outcomes of one batch."""
        self.stored += outcomes.count(Outcome.STORED)
        self.already_there += outcomes.count(Outcome.ALREADY_THERE)
        self.headers += outcomes.count(Outcome.HEADER)
        self.refused += outcomes.count(Outcome.REFUSED)


@dataclass(slots=True)
class ShipReport:
    """What became of all files."""

    files: list[FileReport] = field(default_factory=list)
    seconds: float = 0.0

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
        """Events that Elasticsearch refused and that were stored around the pipeline, with the status failed."""
        return sum(file.refused for file in self.files)

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


def note(report: FileReport, size: int, remarks: Sequence[str] = ()) -> str:
    """What a person wonders about a file: why there is nothing new, or what happened to it.

    Args:
        report: what became of its events.
        size: in bytes; what the kernel writes as it is read (`/proc`) has none.
        remarks: what else there is to say, each once.
    """
    found = list(dict.fromkeys(remarks))
    if size == 0 and not report.bytes:
        found.append("empty: no events")
    elif not (report.stored or report.refused):
        only = report.headers and not report.already_there
        found.append("a header line only: no events" if only else "nothing new")
    return "; ".join(found)
