"""Turn a line into the document to send, with an id that makes sending it twice harmless. Pure.

Line + Identity ──▶ Event(id, source)      the document to send through the ingest pipeline
     + refusal  ──▶ failed documents       the documents to store if Elasticsearch refuses the event, unparsed
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from contract.artifact.contract import EventWords
from contract.documents.datasets import CONNECTION, event_dataset
from contract.documents.fields import FAILED
from es_pipelines.reading.header import NETWORK
from es_pipelines.reading.lines import Line
from es_pipelines.reading.rows import LineKind, Row

MODULE = "oversight"
REFUSED = "refused_by_elasticsearch"
"""`error.type` of an event that Elasticsearch answered with 400 and that is stored as failed."""


@dataclass(frozen=True)
class Identity:
    """What all lines of one file have in common, in one generation of the file."""

    observer: str
    user: str
    name: str
    """File name when the file was first seen; a renamed file keeps it."""
    path: str
    """The file's current path."""
    generation: int
    host: str = ""
    """Machine of the file; empty if unknown."""
    earlier: tuple[str, ...] = ()
    """The file's earlier paths, oldest first."""

    @property
    def shown(self) -> str:
        """Where the lines come from, for messages."""
        return self.path or self.name

    @cached_property
    def _digest(self) -> Any:
        return hashlib.sha256(orjson.dumps([self.observer, self.name, self.generation]))

    @cached_property
    def _own_digest(self) -> Any:
        first = (*self.earlier, self.path)[0]
        return hashlib.sha256(orjson.dumps([self.observer, self.name, self.generation, self.host, first]))

    def id_of(self, line: Line) -> str:
        """`_id` of a line: SHA-256 of observer, file name, generation, offset and content, 64 hex digits."""
        return _id(self._digest, line)

    def own_id_of(self, line: Line) -> str:
        """`_id` if another file's line has the usual one: also includes the machine and the first path."""
        return _id(self._own_digest, line)

    def is_of(self, path: str | None, host: str | None) -> bool:
        """Whether an event stored with this path and machine came from this file; None means not recorded."""
        return (path is None or path == self.path or path in self.earlier) and (
            not self.host or host in (None, self.host)
        )

    def is_line(self, stored: str | None, line: Line) -> bool:
        """Whether a stored event under a line's id is that line."""
        return stored == text_of(line.content)[0]

    def fields(self, line: Line) -> dict[str, Any]:
        """The fields that say where a line came from."""
        fields: dict[str, Any] = {
            "user": {"id": self.user},
            "observer": {"name": self.observer},
            "log": {"file": {"path": self.path}, "offset": line.offset},
        }
        return {**fields, "host": {"name": self.host}} if self.host else fields


def _id(of_file: Any, line: Line) -> str:
    digest = of_file.copy()
    digest.update(b"%d:" % line.offset)
    digest.update(line.content)
    return str(digest.hexdigest())


def checksum(ids: Iterable[str], start: int = 0) -> int:
    """Sum of ids, below 2^60: the same for the same lines at the same offsets, however they are batched."""
    return (start + sum(int(doc_id[:15], 16) for doc_id in ids)) % 2**60


class Event(NamedTuple):
    """One line, ready to send."""

    id: str
    line: Line
    source: bytes
    """The document as JSON; empty for a line that is no event and is not sent."""
    row: Row


def event_of(identity: Identity, line: Line, row: Row | None = None) -> Event:
    """The document of one line: the raw line with its user, observer and place."""
    row = row or Row(line, LineKind.EVENT)
    if row.kind is not LineKind.EVENT:
        return Event(identity.id_of(line), line, b"", row)
    message, is_text = text_of(line.content)
    document = identity.fields(line)
    document["message"] = message
    if row.csv_fields is not None:
        document["csv"] = row.csv_fields
    if not is_text:
        document["oversight"] = _raw_bytes(line)  # the only incoming `oversight.*` field that the pipeline keeps
    return Event(identity.id_of(line), line, orjson.dumps(document), row)


def text_of(content: bytes) -> tuple[str, bool]:
    r"""A line as text, with each invalid UTF-8 byte as `\xNN`; and whether it was valid UTF-8."""
    try:
        return content.decode(), True
    except UnicodeDecodeError:
        return content.decode(errors="backslashreplace"), False


def failed_documents(
    identity: Identity,
    line: Line,
    *,
    reason: str,
    now: str,
    dataset: str = CONNECTION,
    words: EventWords = NETWORK,
    csv: dict[str, Any] | None = None,
) -> Iterator[bytes]:
    """The documents to store instead of a refused event, fullest first: each next one has fewer fields to refuse.

    They look like failed events from the pipeline, so it keeps them as failed without parsing them, and the same
    refusal
    cannot occur again. `oversight retry` runs the pipeline over `event.original`.
    """
    message, is_text = text_of(line.content)
    event = {"original": message, "ingested": now, "kind": "pipeline_error"}
    least: dict[str, Any] = {
        "@timestamp": now,
        "event": event,
        "error": {"type": REFUSED, "message": f"Elasticsearch refused the event: {reason}"},
        "oversight": {"status": FAILED},
    }
    full = {**least, **identity.fields(line)}
    full["event"] = {
        **event,
        "module": MODULE,
        "dataset": event_dataset(dataset),
        "category": list(words.category),
        "type": list(words.type),
    }
    if not is_text:
        full["oversight"] = {"status": FAILED, **_raw_bytes(line)}
    if csv is not None:
        full["csv"] = csv
    yield orjson.dumps(full)
    yield orjson.dumps({**least, **{name: full[name] for name in ("log",) if name in full}})
    yield orjson.dumps(least)


def path_text(path: str | Path) -> str:
    r"""A path as text that JSON can hold, with invalid UTF-8 bytes as `\xNN`."""
    return os.fsencode(path).decode(errors="backslashreplace")


def _raw_bytes(line: Line) -> dict[str, Any]:
    return {"original": {"base64": base64.b64encode(line.content).decode()}}
