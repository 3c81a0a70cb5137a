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
from pathlib import Path

from elasticsearch import Elasticsearch

from contract.errors import InputError
from es_pipelines.lines import MAX_LINE_BYTES, Line, without_return
from es_pipelines.ship import Progress, ShipConfig, Shipper, ShipReport, session
from es_pipelines.ship_events import Identity
from es_pipelines.ship_patience import Stopped
from es_pipelines.ship_report import FileReport, note

STDIN = "-"
"""The name of standard input among the files."""
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
            for lines in arriving(descriptor, lambda: shipper.stopped, got):
                _send(shipper, lines, identity, report)
        except Stopped:
            raise InputError(
                f"stopped while Elasticsearch was away: {got.bytes - report.bytes} bytes of standard input were read and are "
                f"not stored; send them again from byte {report.bytes} on"
            ) from None
        report.note = note(report, report.bytes)
        return shipper.report


def _send(shipper: Shipper, lines: list[Line], identity: Identity, report: FileReport) -> None:
    for batch, outcomes in shipper.settled(lines, identity, KEY, whole=True):
        shipper.count(report, outcomes, batch)


class _Got:
    """How much was read."""

    bytes = 0


def arriving(descriptor: int, stopped: Callable[[], bool], got: _Got) -> Iterator[list[Line]]:
    """Whole lines as they come, in lists of what is there at a time; the last line counts without its line end.

    Raises:
        InputError: a line is longer than `MAX_LINE_BYTES`.
    """
    offset, rest = 0, b""
    while not stopped():
        if not select.select([descriptor], [], [], LOOK_S)[0]:
            continue
        chunk = _all_there(descriptor)
        got.bytes += len(chunk)
        *whole, rest = (rest + chunk).split(b"\n")
        lines = []
        for piece in whole:
            end = offset + len(piece) + 1
            lines.append(Line(offset, without_return(piece), end))
            offset = end
        if not chunk and rest:
            lines.append(Line(offset, without_return(rest), offset + len(rest), terminated=False))
        if lines:
            yield lines
        if not chunk:
            return
        if len(rest) > MAX_LINE_BYTES:
            raise InputError(
                f"the line at byte {offset} of standard input is longer than {MAX_LINE_BYTES} bytes; expected text in lines"
            )


def _all_there(descriptor: int) -> bytes:
    """What can be read without waiting; empty at the end of the input."""
    parts = [os.read(descriptor, CHUNK_BYTES)]
    size = len(parts[0])
    while parts[-1] and size < CHUNK_BYTES and select.select([descriptor], [], [], 0)[0]:
        parts.append(os.read(descriptor, CHUNK_BYTES))
        size += len(parts[-1])
    return b"".join(parts)  # where the end was met behind something, it is met again at the next look
