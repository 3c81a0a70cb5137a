"""Ship records that a sensor made, each once: computing and shipping them again stores nothing twice.

A file's line has a place in its file. A record has an id of its own, so it keeps its identity when its log was rotated,
and when its windows saw other connections before it.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from elasticsearch import Elasticsearch

from common.retry_wait import Stopped
from contract.errors import InputError
from es_pipelines.reading.lines import Line
from es_pipelines.reading.rows import LineKind, Row
from es_pipelines.ship.config import ShipConfig
from es_pipelines.ship.events import Identity
from es_pipelines.ship.report import FileReport, Progress, ShipReport
from es_pipelines.ship.shipper import session

KEY = (-1, 1)
"""In place of device and inode."""
_KEY_FIELDS = (
    ("observer", "name"),
    ("event", "id"),
    ("event", "start"),
    ("source", "ip"),
    ("source", "port"),
    ("destination", "ip"),
    ("destination", "port"),
    ("network", "transport"),
)


@dataclass(frozen=True)
class RecordIdentity(Identity):
    """What the records of one sensor have in common. A line is a document in JSON."""

    def id_of(self, line: Line) -> str:
        """`_id` of a record: SHA-256 of the observers and of what identifies the record, 64 hex digits.

        The record names its own observer: one index or log may have records of several sensors, and none of them may
        take the place of another's.
        """
        return hashlib.sha256(orjson.dumps([self.observer, *_key(line.content)])).hexdigest()

    def own_id_of(self, line: Line) -> str:
        """The same: no other source has a record with our observer, id, start and addresses."""
        return self.id_of(line)

    def is_of(self, path: str | None, host: str | None) -> bool:
        """True: the same record may be in another file, such as a rotated one."""
        return True

    def is_line(self, stored: str | None, line: Line) -> bool:
        """Whether a stored event is this record, whatever its windows were."""
        return stored is not None and _key(stored.encode()) == _key(line.content)

    def fields(self, line: Line) -> dict[str, Any]:
        """The fields around the record; it names user and observer itself."""
        fields: dict[str, Any] = {"log": {"file": {"path": self.path}}} if self.path else {}
        return {**fields, "host": {"name": self.host}} if self.host else fields


def _key(content: bytes) -> list[Any]:
    try:
        record = orjson.loads(content)
        return [record.get(root, {}).get(leaf) for root, leaf in _KEY_FIELDS]
    except (orjson.JSONDecodeError, AttributeError):
        return [content.decode(errors="backslashreplace")]


def ship_records(
    es: Elasticsearch,
    arriving: Iterable[Sequence[bytes]],
    config: ShipConfig,
    *,
    source: str,
    path: str = "",
    stop: threading.Event | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> ShipReport:
    """Ship records as they arrive, until there are no more or it is asked to stop.

    Args:
        es: client of the cluster.
        arriving: records as JSON, in lists of those available together. A list is sent before the next one is taken.
        config: the stream, the observer, and how to send.
        source: where the records come from, for messages.
        path: the file with all records, for `log.file.path`; empty if there is none.
        stop: ends after the current list. A later run sends the rest.
        on_progress: called after each batch.
    Raises:
        InputError: the stream is not provisioned, or it was stopped while Elasticsearch was unavailable.
        EngineUnavailableError: no response for `timeout_s`.
    """
    report = FileReport(source)
    with session(es, config, on_progress=on_progress, stop=stop, registered=False) as shipper:
        identity = RecordIdentity(config.observer or "", "", source, path, 0, shipper.host)
        shipper.begin(KEY, report, in_doubt=True)
        offset = 0
        try:
            for lines in arriving:
                rows = list(_rows(lines, offset))
                offset = rows[-1].line.end if rows else offset
                for batch, outcomes in shipper.settled(rows, identity, KEY, whole=True):
                    shipper.count(report, outcomes, batch, offset=batch[-1].line.end, size=0)
                if shipper.stopped:
                    break
        except Stopped:
            raise InputError(
                f"stopped while Elasticsearch was unavailable: records of {source} are not stored; run the same "
                "command again, it sends what is missing"
            ) from None
        return shipper.report


def _rows(lines: Iterable[bytes], offset: int) -> Iterator[Row]:
    for content in lines:
        line = Line(offset, content, offset + len(content) + 1)
        offset = line.end
        yield Row(line, LineKind.EVENT)
