"""Ship standard input.

Each run is a separate source, because the same line twice can be two events. A run with a name continues that source:
it does not send what the stream already has under the name. So you can run a broken pipe again.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from elasticsearch import Elasticsearch

from common.retry_wait import Stopped
from contract.errors import InputError, UnreadableFileError
from es_pipelines.reading.arriving import HERE, STDIN, ArrivingLines
from es_pipelines.reading.lines import Line
from es_pipelines.reading.rows import Row, Rows
from es_pipelines.ship.events import Identity
from es_pipelines.ship.report import FileReport, note
from es_pipelines.ship.shipper import Progress, ShipConfig, ShipReport, session

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
        self._lines = ArrivingLines(descriptor, "oversight ship -", stopped)
        self._config = config

    @property
    def bytes_read(self) -> int:
        """Bytes that were read so far."""
        return self._lines.bytes_read

    def __iter__(self) -> Iterator[list[Row]]:
        """All rows. The last line needs no line end.

        Raises:
            UnreadableFileError: the data is not lines of text.
        """
        rows: Rows | None = None
        for lines in self._lines:
            rows = rows or Rows(self._lines.shape, self._config.known, self._config.delimiter)
            yield from _rows_of(rows, lines)


def _rows_of(rows: Rows, lines: Iterable[Line]) -> Iterator[list[Row]]:
    """The rows of some lines in one list. Returns those before an error."""
    found: list[Row] = []
    try:
        for line in lines:
            found.append(rows.take(line))  # noqa: PERF401  rows before an error count
    except UnreadableFileError as problem:
        if found:
            yield found
        raise UnreadableFileError(f"{HERE}: {problem}") from None
    yield found
