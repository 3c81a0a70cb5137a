"""Ship standard input: a pipe has no inode and no offset to return to, and its end comes without notice.

    descriptor ──▶ available bytes, up to 1 MiB ──▶ whole lines ──▶ as the lines of a file
                        ▲                                 │
                        └── another read for a half line  └── nothing waits for a full batch

Each run is a separate source, because the same line twice can be two events. A run with a name continues that source:
it does not send what the stream already has under the name. So you can run a broken pipe again.
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

from common.retry_wait import Stopped
from contract.errors import InputError, UnreadableFileError
from es_pipelines.reading.json_array import Elements
from es_pipelines.reading.lines import Line, Lines, Splitter
from es_pipelines.reading.packed import GZIP
from es_pipelines.reading.rows import Row, Rows
from es_pipelines.reading.shape import Shape, is_undecided, shape_of
from es_pipelines.ship.events import Identity
from es_pipelines.ship.report import FileReport, note
from es_pipelines.ship.shipper import Progress, ShipConfig, Shipper, ShipReport, session

STDIN = "-"
"""Name of standard input in a list of files."""
HERE = "standard input"
STOP_CHECK_S = 0.25
"""How often to check for a stop while nothing arrives."""
CHUNK_BYTES = 1024 * 1024
KEY = (-1, 0)
"""In place of device and inode."""


def ship_stream(
    es: Elasticsearch,
    descriptor: int,
    config: ShipConfig,
    *,
    name: str | None,
    stop: threading.Event | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> ShipReport:
    """Ship the lines from a descriptor, until its end or until asked to stop.

    Args:
        es: client of the cluster.
        descriptor: open for reading.
        config: what to ship, under which names. The default observer is `stdin`, or the name.
        name: the source that a repeated run continues; None: this run is a separate source.
        stop: as in `ship`. Everything that was read is sent before it ends.
        on_progress: called after each batch.
    Raises:
        InputError: a line is too long, the stream is not provisioned, or it was stopped while Elasticsearch was
            unavailable, so that lines were read but not stored: names the first byte to send again.
        EngineUnavailableError: no response for `timeout_s`.
    """
    source = name or f"stdin-{uuid.uuid4().hex[:12]}"
    observer = config.observer or Path(name or "stdin").stem
    report, bytes_read = FileReport(STDIN), _BytesRead()
    with session(es, config, on_progress=on_progress, stop=stop, registered=False) as shipper:
        identity = Identity(observer, config.user or observer, source, f"stdin:{source}", 0, shipper.host)
        shipper.begin(KEY, report, in_doubt=name is not None)
        try:
            for rows in arriving(descriptor, lambda: shipper.stopped, bytes_read, partial(_rows, config)):
                _send(shipper, rows, identity, report)
        except Stopped:
            raise InputError(
                f"stopped while Elasticsearch was unavailable: {bytes_read.bytes - report.bytes} bytes of standard "
                "input were read and are "
                f"not stored; send them again from byte {report.bytes} on"
            ) from None
        report.note = note(report, empty=not report.bytes)
        if not shipper.stopped:
            report.unusable = shipper.usable_files.problem(KEY, HERE, report)
        return shipper.report


def _rows(config: ShipConfig, shape: Shape) -> Rows:
    return Rows(shape, config.known, config.delimiter)


def _send(shipper: Shipper, rows: list[Row], identity: Identity, report: FileReport) -> None:
    for batch, outcomes in shipper.settled(rows, identity, KEY, whole=True):
        shipper.count(report, outcomes, batch)
        shipper.usable_files.check(KEY, batch, outcomes)


class _BytesRead:
    """Number of bytes read so far."""

    bytes = 0


def arriving(
    descriptor: int, stopped: Callable[[], bool], bytes_read: _BytesRead, rows_of: Callable[[Shape], Rows]
) -> Iterator[list[Row]]:
    """Whole lines as they arrive, in lists of those available together. The last line needs no line end.

    Raises:
        UnreadableFileError: the data is not lines of text.
    """
    start, reader = b"", None
    while not stopped():
        if not select.select([descriptor], [], [], STOP_CHECK_S)[0]:
            continue
        chunk = _available_bytes(descriptor)
        bytes_read.bytes += len(chunk)
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
    """Turns bytes into rows, in the shape that the first bytes show."""

    def __init__(self, start: bytes, rows_of: Callable[[Shape], Rows]) -> None:
        if start.startswith(GZIP):
            raise UnreadableFileError(
                f"{HERE} is compressed with gzip; unpack it on its way: zcat FILE | oversight ship -"
            )
        shape = shape_of(start, HERE, "FILE")
        self._splitter: Splitter = Elements() if shape is Shape.ARRAY else Lines()
        self._rows = rows_of(shape)

    def read(self, piece: bytes, *, ended: bool) -> Iterator[list[Row]]:
        """The rows that are now complete. Returns those before an error."""
        rows, error = [], None
        try:
            for line in self._lines(piece, ended=ended):
                rows.append(self._rows.take(line))  # noqa: PERF401  rows before an error count
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


def _available_bytes(descriptor: int) -> bytes:
    """The bytes that can be read without waiting; empty at the end of the input."""
    parts = [os.read(descriptor, CHUNK_BYTES)]
    size = len(parts[0])
    while parts[-1] and size < CHUNK_BYTES and select.select([descriptor], [], [], 0)[0]:
        parts.append(os.read(descriptor, CHUNK_BYTES))
        size += len(parts[-1])
    return b"".join(parts)  # an end after these bytes shows up again at the next read
