"""The sources of `oversight sense`: files of a sensor, captures, a network interface, an index of flow documents."""

from __future__ import annotations

import socket
import sys
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import click

from common.settings.connections import ElasticsearchSettings
from es_pipelines.reading.arriving import HERE, STDIN, ArrivingLines
from es_pipelines.ship.events import path_text
from oversight.client.cluster import connect
from oversight.client.documents import hits
from oversight.commands.sense_files import LogFiles
from oversight.config.settings import load
from sensor import documents_in
from sensor.capture import files, interface
from sensor.capture.counts import Counts
from sensor.capture.packet import Packet
from sensor.capture.tracker import track
from sensor.flow import Flow
from sensor.kdd_record import CAPTURES_LACK, LOGS_LACK
from sensor.logs.no_flow import NoFlowError
from sensor.logs.reader import LogReader, Skipped

SHOWN = 3
"""Paths in a message."""
INDEX_ORDER: tuple[Mapping[str, Any], ...] = (
    {"event.ingested": {"order": "asc", "unmapped_type": "date", "missing": "_last"}},
    {"@timestamp": {"order": "asc", "unmapped_type": "date", "missing": "_last"}},
    {"_shard_doc": "asc"},
)
"""Zeek and Packetbeat write a connection when it is over, so documents arrived in about the order of the ends."""


class Source(Protocol):
    """Where flows come from."""

    name: str
    """For messages."""
    path: str
    """For `log.file.path`; empty if there are several files or none."""
    observer: str
    """The sensor, where a record names none."""
    is_live: bool
    """It ends with a stop only."""
    lacks: tuple[str, ...]
    """Columns that no record of this source has."""

    def arriving(self, stop: threading.Event) -> Iterator[Sequence[Flow]]:
        """The flows in lists of those that are known together, until the end or the stop.

        A live source gives an empty list now and then.
        """

    def notes(self) -> list[str]:
        """What did not become a flow, in lines for the user."""


class Logs:
    """Logs of Zeek or Suricata."""

    lacks = LOGS_LACK

    def __init__(self, paths: Sequence[Path], kind: str, *, following: bool, follow_symlinks: bool) -> None:
        self.name, self.path, self.observer, self.is_live = _names(paths), _only(paths), kind, following
        self._files = LogFiles(paths, kind, following=following, follow_symlinks=follow_symlinks)

    def arriving(self, stop: threading.Event) -> Iterator[Sequence[Flow]]:
        """As `Source.arriving`."""
        return self._files.arriving(stop)

    def notes(self) -> list[str]:
        """As `Source.notes`."""
        return _by_reason(self._files.skipped)


class PipedLog:
    """A log of Zeek or Suricata on standard input."""

    lacks = LOGS_LACK
    name, path, is_live = HERE, "", False

    def __init__(self, kind: str) -> None:
        self.observer, self._kind, self._reader = kind, kind, LogReader(kind)

    def arriving(self, stop: threading.Event) -> Iterator[Sequence[Flow]]:
        """As `Source.arriving`.

        Raises:
            UnreadableFileError: it is no text.
        """
        command, first = f"oversight sense --{self._kind} -", 1
        for lines in ArrivingLines(sys.stdin.fileno(), command, stop.is_set, skip_too_long=True):
            contents = [None if line.too_long else line.content for line in lines]
            yield self._reader.flows(HERE, HERE, first, contents)
            first += len(lines)

    def notes(self) -> list[str]:
        """As `Source.notes`."""
        return _by_reason(self._reader.skipped.reasons)


class Packets:
    """Captures, or an interface."""

    lacks = CAPTURES_LACK

    def __init__(self, paths: Sequence[Path], interface_name: str | None) -> None:
        self.name = f"interface {interface_name}" if interface_name else _names(paths)
        self.path = _only(paths)
        self.observer, self.is_live = socket.gethostname(), interface_name is not None
        self._paths, self._interface, self._counts = paths, interface_name, Counts()

    def arriving(self, stop: threading.Event) -> Iterator[Sequence[Flow]]:
        """As `Source.arriving`."""
        for flows in track(self._packets(stop), self._counts):
            yield flows
            if stop.is_set() and not self.is_live:
                return  # what is open now is not over: the next run reads on

    def _packets(self, stop: threading.Event) -> Iterable[Packet]:
        if self._interface is not None:
            return interface.listen(self._interface, self._counts, stop)
        return files.read(self._paths, self._counts)

    def notes(self) -> list[str]:
        """As `Source.notes`."""
        return self._counts.lines()


class Documents:
    """Flow documents that are in Elasticsearch already."""

    is_live = False
    path = ""
    lacks = LOGS_LACK

    def __init__(self, pattern: str) -> None:
        self.name, self.observer = f"index {pattern}", socket.gethostname()
        self._pattern, self._skipped = pattern, Skipped()

    def arriving(self, stop: threading.Event) -> Iterator[Sequence[Flow]]:
        """As `Source.arriving`."""
        url = load(ElasticsearchSettings).url
        with connect() as es:
            for page in hits(es, self._pattern, most=None, url=url, sort=INDEX_ORDER):
                yield list(self._flows(page))
                if stop.is_set():
                    return

    def _flows(self, page: Iterable[Mapping[str, Any]]) -> Iterator[Flow]:
        for hit in page:
            try:
                yield documents_in.flow_of(hit["_source"], hit["_id"])
            except NoFlowError as error:
                self._skipped.add(error, f"{hit['_index']}, document {hit['_id']}")

    def notes(self) -> list[str]:
        """As `Source.notes`."""
        return _by_reason(self._skipped.reasons)


def _names(paths: Sequence[Path]) -> str:
    """Some paths for a message, and how many more there are."""
    more = f" and {len(paths) - SHOWN} more" if len(paths) > SHOWN else ""
    return ", ".join(map(str, paths[:SHOWN])) + more


def _only(paths: Sequence[Path]) -> str:
    return path_text(paths[0].absolute()) if len(paths) == 1 else ""


def _by_reason(reasons: Counter[str]) -> list[str]:
    return [f"{number:,} records skipped: {reason}" for reason, number in reasons.most_common()]


def _standard_input(paths: Sequence[Path], kind: str, *, following: bool) -> Source:
    if kind == "pcap":
        raise click.UsageError("--pcap reads files, not standard input (-); write the packets to a file first")
    if len(paths) > 1 or following:
        raise click.UsageError("- (standard input) cannot be combined with other files or --follow; give it alone")
    return PipedLog(kind)


def chosen(
    paths: Sequence[Path],
    *,
    kind: str | None,
    interface_name: str | None,
    index: str | None,
    following: bool,
    follow_symlinks: bool,
) -> Source:
    """The one source that the options name.

    Raises:
        UsageError: they name none or several, or one that cannot be followed.
        UnreadableFileError: a file cannot be read.
    """
    if (kind is not None) + (interface_name is not None) + (index is not None) != 1:
        raise click.UsageError("name one source: --zeek, --suricata or --pcap with files, --interface, or --index")
    if (kind is not None) != bool(paths):
        raise click.UsageError(
            f"--{kind} needs files" if kind else "files need --zeek, --suricata or --pcap, which says what they are"
        )
    if following and kind not in ("zeek", "suricata"):
        raise click.UsageError("--follow is for --zeek and --suricata; --interface follows anyway")
    if index is not None:
        return Documents(index)
    if STDIN in map(str, paths):
        return _standard_input(paths, str(kind), following=following)
    if kind in ("zeek", "suricata"):
        return Logs(paths, str(kind), following=following, follow_symlinks=follow_symlinks)
    return Packets(paths, interface_name)
