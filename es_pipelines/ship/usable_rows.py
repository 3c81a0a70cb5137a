"""Find out whether a file has at least one event that can be predicted. Asks the stream, because the pipeline decides.

settled batch ──▶ is one of these documents not failed? ──▶ yes: never ask again for this file
                                                        └─▶ no: keep the first reason, and ask for the next batch
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from elastic_transport import TransportError
from elasticsearch import ApiError, AuthorizationException, Elasticsearch

from contract import hints
from contract.documents.fields import FAILED
from contract.documents.paths import lookup_clear
from es_pipelines.ship.events import Event
from es_pipelines.ship.report import EventOutcome, FileReport

STORED = (EventOutcome.STORED, EventOutcome.ALREADY_THERE, EventOutcome.REFUSED)
IS_FAILED = {"term": {"oversight.status": FAILED}}


class UsableFiles:
    """Remembers which files have a usable event."""

    def __init__(self, es: Elasticsearch, stream: str) -> None:
        self._es, self._stream = es, stream
        self._usable: set[tuple[int, int]] = set()
        self._reasons: dict[tuple[int, int], str] = {}

    def check(self, key: tuple[int, int], batch: Sequence[Event], outcomes: Sequence[EventOutcome]) -> None:
        """Check a settled batch of a file, without retries: if Elasticsearch does not respond, check the next batch."""
        if key in self._usable:
            return
        ids = [event.id for event, outcome in zip(batch, outcomes, strict=True) if outcome in STORED]
        if not ids:
            return
        try:
            reason = reason_of_failure(self._es, self._stream, ids)
        except (ApiError, TransportError):
            return
        if reason is None:
            self._usable.add(key)
        else:
            self._reasons.setdefault(key, reason)

    def problem(self, key: tuple[int, int], name: str, report: FileReport, *, rotated: bool = False) -> str:
        """Why nothing in a file can be predicted; empty if something can, or if this run saw nothing new.

        Args:
            key: the file.
            name: the file's name for the message.
            report: the outcomes of its lines.
            rotated: a file of this name had events before; then having none yet is no mistake.
        """
        if key in self._usable or (report.events and key not in self._reasons):
            return ""
        if not report.events:
            if rotated:
                return ""
            return f"{name} has no events: expected one row or one JSON object a line"
        return (
            f"{name}: none of its lines can be predicted; the first one failed with {self._reasons[key]}; "
            f"{hints.run('ship --dry-run FILE')} shows how a file is read"
        )


def reason_of_failure(es: Elasticsearch, stream: str, ids: Sequence[str]) -> str | None:
    """Why all of these documents failed: the reason of one of them. None if not all failed, or the key may not read."""
    try:
        es.indices.refresh(index=stream)
        if _first(es, stream, {"filter": {"ids": {"values": ids}}, "must_not": IS_FAILED}) is not None:
            return None
        failed = _first(es, stream, {"filter": {"ids": {"values": ids}}})
    except AuthorizationException:
        return None
    if failed is None:  # someone deleted them meanwhile
        return None
    return f"{lookup_clear(failed, 'error.type')}: {lookup_clear(failed, 'error.message')}"


def _first(es: Elasticsearch, stream: str, query: dict[str, Any]) -> dict[str, Any] | None:
    response = es.search(
        index=stream,
        query={"bool": query},
        source={"includes": ["error"]},
        size=1,
        track_total_hits=False,
        sort=["_doc"],
        ignore_unavailable=True,
    )
    hits = response["hits"]["hits"]
    return dict(hits[0].get("_source", {})) if hits else None
