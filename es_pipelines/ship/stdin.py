"""Send what comes on standard input: a pipe has no inode, no offset to go back to, and says nothing of its end.

    descriptor ──▶ all that is there, up to 1 MiB ──▶ whole lines ──▶ as the lines of a file
                        ▲                                 │
                        └── a second look for half a line └── nothing waits for a full batch

Each run is a source of its own, since the same line twice may be two events. A run that is given a name goes on under
it: what the stream already has from that name is not sent again, so a pipe that broke can be run once more.
"""

from __future__ import annotations

import os
import select
import threading
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from elasticsearch import Elasticsearch

from contract.errors import InputError, UnreadableFileError
from es_pipelines.reading.json_array import Elements
from es_pipelines.reading.lines import Line, Lines, Splitter
from es_pipelines.reading.packed import GZIP
from es_pipelines.reading.rows import Row, Rows
from es_pipelines.reading.shape import Shape, is_undecided, shape_of
from es_pipelines.ship.events import Identity
from es_pipelines.ship.report import FileReport, note
from es_pipelines.ship.server_wait import Stopped
from es_pipelines.ship.shipper import Progress, ShipConfig, Shipper, ShipReport, session

STDIN = "-"
"""The name of standard input among the files."""
HERE = "standard input"
LOOK_S = 0.25
"""How often a stop is looked for while nothing comes."""
CHUNK_BYTES = 1024 * 1024
KEY = (-1, 0)
"""Stands for device and inode."""


def ship_stream(
    es: Elasticsearch,
    descriptor: int,
    config: ShipConfig,
    *,
    name: str | None,
    stop: threading.Event | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> ShipReport:
    """Ship the lines that come from a descriptor, until its end or until asked to stop.

    Args:
        es: client of the cluster.
        descriptor: open for reading.
        config: what to ship as whom; without an observer it is `stdin`, or the name.
        name: what a repeated run goes on under; None: this run is a source of its own.
        stop: as with `ship`; what was read by then is sent before it ends.
        on_progress: called after each batch.
    Raises:
        InputError: a line is too long, the stream is not provisioned, or it was stopped while Elasticsearch was away,
            which leaves lines that were read and are not stored: says from which byte on.
        EngineUnavailableError: no answer for `timeout_s`.
    """
    source = name or f"stdin-{uuid.uuid4().hex[:12]}"
    observer = config.observer or Path(name or "stdin").stem
    report, got = FileReport(STDIN), _Got()
    with session(es, config, on_progress=on_progress, stop=stop, registered=False) as shipper:
        identity = Identity(observer, config.user or observer, source, f"stdin:{source}", 0, shipper.host)
        shipper.begin(KEY, report, in_doubt=name is not None)
        try:
            for rows in arriving(descriptor, lambda: shipper.stopped, got, partial(_rows, config)):
                _send(shipper, rows, identity, report)
        except Stopped:
            raise InputError(
                f"stopped while Elasticsearch was unavailable: {got.bytes - report.bytes} bytes of standard "
                "input were read and are "
                f"not stored; send them again from byte {report.bytes} on"
            ) from None
        report.note = note(report, empty=not report.bytes)
        if not shipper.stopped:
            report.unusable = shipper.judge.verdict(KEY, HERE, report)
        return shipper.report


def _rows(config: ShipConfig, shape: Shape) -> Rows:
    return Rows(shape, config.known, config.delimiter)


def _send(shipper: Shipper, rows: list[Row], identity: Identity, report: FileReport) -> None:
    for batch, outcomes in shipper.settled(rows, identity, KEY, whole=True):
        shipper.count(report, outcomes, batch)
        shipper.judge.look(KEY, batch, outcomes)


class _Got:
    """How much was read."""

    bytes = 0


def arriving(
    descriptor: int, stopped: Callable[[], bool], got: _Got, rows_of: Callable[[Shape], Rows]
) -> Iterator[list[Row]]:
    """Whole lines as they come, in lists of what is there at a time; the last line counts without its line end.

    Raises:
        UnreadableFileError: what comes is no text in lines.
    """
    start, reader = b"", None
    while not stopped():
        if not select.select([descriptor], [], [], LOOK_S)[0]:
            continue
        chunk = _all_there(descriptor)
        got.bytes += len(chunk)
        if reader is None:
            start += chunk
            if chunk and is_undecided(start):
                continue
            reader, piece = _Reader(start, rows_of), start
        else:
            piece = chunk
        yield from reader.read(piece, ended=not chunk)
        if not chunk:
            return


class _Reader:
    """Makes rows of what came, by the shape that the first bytes have."""

    def __init__(self, start: bytes, rows_of: Callable[[Shape], Rows]) -> None:
        if start.startswith(GZIP):
            raise UnreadableFileError(
                f"{HERE} is compressed with gzip; unpack it on its way: zcat FILE | oversight ship -"
            )
        shape = shape_of(start, HERE, "FILE")
        self._splitter: Splitter = Elements() if shape is Shape.ARRAY else Lines()
        self._rows = rows_of(shape)

    def read(self, piece: bytes, *, ended: bool) -> Iterator[list[Row]]:
        """The rows that are whole by now; what came before an error counts."""
        rows, error = [], None
        try:
            for line in self._lines(piece, ended=ended):
                rows.append(self._rows.take(line))  # noqa: PERF401  what came before an error counts
        except UnreadableFileError as problem:
            error = UnreadableFileError(f"{HERE}: {problem}")
        if rows:
            yield rows
        if error is not None:
            raise error

    def _lines(self, piece: bytes, *, ended: bool) -> Iterator[Line]:
        yield from self._splitter.feed(piece)
        if ended:
            yield from self._splitter.close(complete=True)


def _all_there(descriptor: int) -> bytes:
    """What can be read without waiting; empty at the end of the input."""
    parts = [os.read(descriptor, CHUNK_BYTES)]
    size = len(parts[0])
    while parts[-1] and size < CHUNK_BYTES and select.select([descriptor], [], [], 0)[0]:
        parts.append(os.read(descriptor, CHUNK_BYTES))
        size += len(parts[-1])
    return b"".join(parts)  # where the end was met behind something, it is met again at the next look
