"""Find files whose rows may have been read with the wrong columns.

    header in another order, without csv.columns ──▶ a failed document, error.type column_order ──▶ its file, by name

A row does not show that it was read with the wrong columns. Only the header of its file does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from elasticsearch import Elasticsearch

from contract.documents.paths import lookup_text
from watcher.elastic_faults import engine_faults
from watcher.operations.selection import failed
from watcher.read.poll import ARRIVAL

COLUMN_ORDER = "column_order"
MAX_HEADERS = 1_000
"""Most headers to read, the newest ones. More than a few come from a shipper that sends one with every line."""
PATH, USER, OBSERVER = "log.file.path", "user.id", "observer.name"


@dataclass(frozen=True, slots=True)
class MisreadFile:
    """A file whose header has other columns, or another order, than its rows were read with."""

    path: str | None
    user: str | None
    observer: str | None
    headers: int
    """Number of such headers: one each time the file was shipped."""
    last_seen: str | None
    """Arrival of the newest one, as the document spells it."""


def read_misread(es: Elasticsearch, index: str) -> tuple[MisreadFile, ...]:
    """Return the files, those with the newest headers first.

    Raises:
        EngineUnavailableError: Elasticsearch does not answer.
    """
    with engine_faults("reading headers", index=index):
        hits = es.search(
            index=index,
            size=MAX_HEADERS,
            query=failed(reason=COLUMN_ORDER),
            source={"includes": [PATH, USER, OBSERVER, ARRIVAL]},
            ignore_unavailable=True,
            sort=[{ARRIVAL: {"order": "desc", "missing": "_last", "unmapped_type": "date"}}],
        )["hits"]["hits"]
    headers: dict[tuple[str | None, str | None, str | None], list[Mapping[str, Any]]] = {}
    for hit in hits:
        source = hit.get("_source") or {}
        place = (lookup_text(source, PATH), lookup_text(source, USER), lookup_text(source, OBSERVER))
        headers.setdefault(place, []).append(source)
    return tuple(
        MisreadFile(path, user, observer, len(found), lookup_text(found[0], ARRIVAL))
        for (path, user, observer), found in headers.items()
    )


def named(file: MisreadFile) -> str:
    """Name the file for a message: its path, or what else is known of it."""
    beside = [
        f"{what} {value}" for what, value in (("user", file.user), ("observer", file.observer)) if value is not None
    ]
    path = file.path or "a file without log.file.path"
    return f"{path} ({', '.join(beside)})" if beside else path
