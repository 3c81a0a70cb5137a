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
from itertools import chain
from pathlib import Path

from elasticsearch import Elasticsearch

from common.retry_wait import Stopped
from contract.errors import InputError, UnreadableFileError
from es_pipelines.reading.json_array import Elements
from es_pipelines.reading.lines import Lines, Splitter
from es_pipelines.reading.packed import GZIP
from es_pipelines.reading.rows import Row, Rows
from es_pipelines.reading.shape import Shape, is_undecided, shape_of
from es_pipelines.ship.events import Identity
from es_pipelines.ship.report import FileReport, note
from es_pipelines.ship.shipper import Progress, ShipConfig, ShipReport, session

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
    report = FileReport(STDIN)
    with session(es, config, on_progress=on_progress, stop=stop, registered=False) as shipper:
        identity = Identity(observer, config.user or observer, source, f"stdin:{source}", 0, shipper.host)
        shipper.begin(KEY, report, in_doubt=name is not None)
        arriving = ArrivingRows(descriptor, config, lambda: shipper.stopped)
        try:
            for rows in arriving:
                for batch, outcomes in shipper.settled(rows, identity, KEY, whole=True):
                    shipper.count(report, outcomes, batch, offset=batch[-1].line.end, size=0)
                    shipper.usable_files.check(KEY, batch, outcomes)
        except Stopped:
            raise InputError(
                f"stopped while Elasticsearch was unavailable: {arriving.bytes_read - report.bytes} bytes of standard "
                f"input were read and are not stored; send them again from byte {report.bytes} on"
            ) from None
        report.note = note(report, empty=not report.bytes)
        if not shipper.stopped:
            report.unusable = shipper.usable_files.problem(KEY, HERE, report)
        return shipper.report


class ArrivingRows:
    """The rows of standard input as they arrive, in lists of those available together.

    Args:
        descriptor: open for reading.
        config: the columns and the delimiter.
        stopped: checked before each read.
    """

    def __init__(self, descriptor: int, config: ShipConfig, stopped: Callable[[], bool]) -> None:
        self._descriptor, self._config, self._stopped = descriptor, config, stopped
        self.bytes_read = 0

    def __iter__(self) -> Iterator[list[Row]]:
        """All rows. The last line needs no line end.

        Raises:
            UnreadableFileError: the data is not lines of text.
        """
        unread, source = b"", None
        while not self._stopped():
            if not select.select([self._descriptor], [], [], STOP_CHECK_S)[0]:
                continue
            chunk = _available_bytes(self._descriptor)
            self.bytes_read += len(chunk)
            unread += chunk
            if source is None:
                if chunk and is_undecided(unread):
                    continue
                source = self._source(unread)
            yield from _complete_rows(*source, unread, ended=not chunk)
            unread = b""
            if not chunk:
                return

    def _source(self, start: bytes) -> tuple[Splitter, Rows]:
        """How to read the input, from its first bytes."""
        if start.startswith(GZIP):
            raise UnreadableFileError(
                f"{HERE} is compressed with gzip; unpack it on its way: zcat FILE | oversight ship -"
            )
        shape = shape_of(start, HERE, "FILE")
        splitter = Elements() if shape is Shape.ARRAY else Lines()
        return splitter, Rows(shape, self._config.known, self._config.delimiter)


def _complete_rows(splitter: Splitter, rows: Rows, piece: bytes, *, ended: bool) -> Iterator[list[Row]]:
    """The rows that are now complete in one list. Returns those before an error."""
    complete: list[Row] = []
    try:
        for line in chain(splitter.feed(piece), splitter.close(complete=True) if ended else ()):
            complete.append(rows.take(line))  # noqa: PERF401  rows before an error count
    except UnreadableFileError as problem:
        if complete:
            yield complete
        raise UnreadableFileError(f"{HERE}: {problem}") from None
    if complete:
        yield complete


def _available_bytes(descriptor: int) -> bytes:
    """The bytes that can be read without waiting; empty at the end of the input."""
    parts = [os.read(descriptor, CHUNK_BYTES)]
    size = len(parts[0])
    while parts[-1] and size < CHUNK_BYTES and select.select([descriptor], [], [], 0)[0]:
        parts.append(os.read(descriptor, CHUNK_BYTES))
        size += len(parts[-1])
    return b"".join(parts)  # an end after these bytes shows up again at the next read
