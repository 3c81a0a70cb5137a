"""Record the documents of a trial, and check whether each of them ended as it must.

    put() ──▶ stored documents ──▶ faults, watchers, other writers ──▶ audit() ──▶ lost, damaged, doubled, stuck
      └─ for each: digest of its raw fields, expected label, number of writes by others

The ledger reads documents by id, if necessary from the translog, so its result does not depend on a refresh.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from elasticsearch import Elasticsearch

from contract.documents.fields import ENRICHED, FAILED, PENDING
from tests.artifacts import HEALTHY, HOT, WORN

KINDS = ((HEALTHY, "healthy"), (HOT, "overheating"), (WORN, "bearing_wear"))
"""Documents, and the label that the small model predicts for each."""
LINES = ("61.5,steady,1.2", "125,steady,1.5", "60,steady,22.5")
"""The same documents as raw lines, for a stream with pipelines."""
BROKEN_EVERY = 10
"""Every tenth document lacks the fields of the model, and must end as failed."""
WATCHERS_ROOTS = ("rule", "threat", "error")
WATCHERS_EVENT_FIELDS = ("kind", "category", "type", "severity", "risk_score")
WATCHERS_OWN_FIELDS = ("status", "prediction", "model", "failure", "alert")
OTHERS = "others"
"""The field that the other writer writes."""
PUT, CHUNK = 50, 500
"""Number of documents in one write request and in one read request."""


@dataclass
class Entry:
    """One document as it was stored."""

    index: str
    raw: str
    label: str | None
    """The expected label; None: the document must fail."""
    version: int
    writes: int = 0
    """Number of writes by another writer."""
    value: int | None = None
    """The last value of another writer."""


@dataclass
class Audit:
    """How the documents of a ledger ended; all counts except `documents` must be 0."""

    documents: int = 0
    lost: int = 0
    """The document does not exist."""
    damaged: int = 0
    """Its raw fields or the other writer's value changed, or it has a wrong prediction or a wrong error."""
    doubled: int = 0
    """Watchers wrote it more than once, or it also exists under another id."""
    stuck: int = 0
    """It is pending or has no status."""
    found: list[str] = field(default_factory=list)
    """The first problems, each with the document's id."""

    @property
    def clean(self) -> bool:
        """Whether every document ended as it must."""
        return not (self.lost or self.damaged or self.doubled or self.stuck)

    def note(self, what: str, doc_id: str, why: str) -> None:
        """Record one problem."""
        setattr(self, what, getattr(self, what) + 1)
        self.found += [f"{doc_id} {what}: {why}"] if len(self.found) < 20 else []


class Ledger:
    """Documents of one trial.

    Args:
        es: a client that may read and write everything.
        index: the index to store them in.
        prefix: prefix of their ids, so that several trials can share an index.
        lines: store raw lines, which pipelines parse.
    """

    def __init__(self, es: Elasticsearch, index: str, *, prefix: str, lines: bool = False) -> None:
        self._es, self._index, self._prefix, self._lines = es, index, prefix, lines
        self.entries: dict[str, Entry] = {}
        self._before = self._stored()

    def put(self, count: int) -> None:
        """Store some pending documents, in small requests."""
        first = len(self.entries)
        for start in range(first, first + count, PUT):
            self._put(range(start, min(start + PUT, first + count)))

    def _put(self, numbers: range) -> None:
        operations: list[Mapping[str, Any]] = []
        for number in numbers:
            source = {"message": LINES[number % 3]} if self._lines else document(number)
            operations += [{"create": {"_index": self._index, "_id": self._id(number)}}, source]
        answer = self._es.bulk(operations=operations)
        assert not answer["errors"], answer["items"][0]
        for number, item in zip(numbers, answer["items"], strict=True):
            broken = not self._lines and is_broken(number)
            label = None if broken else KINDS[number % 3][1]
            created = item["create"]
            self.entries[created["_id"]] = Entry(
                created["_index"], digest(document(number)), label, created["_version"]
            )
        if self._lines:  # the pipelines changed the documents
            for number, (doc_id, stored) in zip(numbers, self._read(self._ids(numbers)), strict=True):
                assert stored["_source"]["event"]["original"] == LINES[number % 3]
                self.entries[doc_id].raw = digest(stored["_source"])

    def wrote(self, doc_id: str, value: int) -> None:
        """Record that another writer wrote this document."""
        entry = self.entries[doc_id]
        entry.writes, entry.value = entry.writes + 1, value

    def settled(self) -> bool:
        """Whether no document is pending."""
        for ids in _lists(list(self.entries), CHUNK):
            for _, stored in self._read(ids, source="oversight.status"):
                if stored.get("found") and _status(stored["_source"]) == PENDING:
                    return False
        return True

    def left(self) -> int:
        """Number of pending documents."""
        return sum(
            bool(stored.get("found")) and _status(stored["_source"]) == PENDING
            for ids in _lists(list(self.entries), CHUNK)
            for _, stored in self._read(ids, source="oversight.status")
        )

    def audit(self) -> Audit:
        """Check every document."""
        audit = Audit(documents=len(self.entries))
        for ids in _lists(list(self.entries), CHUNK):
            for doc_id, stored in self._read(ids):
                _examine(audit, doc_id, self.entries[doc_id], stored)
        more = self._stored() - self._before - (len(self.entries) - audit.lost)
        if more > 0:
            audit.doubled += more
            audit.found.append(f"{self._index} has {more} documents that the test did not store")
        return audit

    def _read(self, ids: list[str], source: str | None = None) -> Iterable[tuple[str, dict[str, Any]]]:
        wanted = [{"_index": self.entries[doc_id].index, "_id": doc_id} for doc_id in ids]
        answer = self._es.mget(docs=wanted, source_includes=source)
        return zip(ids, answer["docs"], strict=True)

    def _id(self, number: int) -> str:
        return f"{self._prefix}-{number}"

    def _ids(self, numbers: range) -> list[str]:
        return [self._id(number) for number in numbers]

    def _stored(self) -> int:
        self._es.indices.refresh(index=self._index)
        return int(self._es.count(index=self._index)["count"])


def is_broken(number: int) -> bool:
    """Whether this document lacks the model's fields."""
    return number % BROKEN_EVERY == BROKEN_EVERY - 1


def document(number: int) -> dict[str, Any]:
    """A pending document as a pipeline writes it."""
    return {
        "@timestamp": f"2026-01-01T{number // 3600 % 24:02d}:{number // 60 % 60:02d}:{number % 60:02d}.000Z",
        "event": {
            "original": f"raw line {number}",
            "ingested": f"2026-01-01T00:{number // 60 % 60:02d}:{number % 60:02d}.000Z",
        },
        "oversight": {"status": PENDING},
        "user": {"id": f"user-{number % 7}", "name": "Zoë 雪"},
        **({} if is_broken(number) else KINDS[number % 3][0]),
    }


def digest(source: Mapping[str, Any]) -> str:
    """Digest of a document without the fields that watchers and the other writer write."""
    raw = {key: value for key, value in source.items() if key not in (*WATCHERS_ROOTS, OTHERS)}
    raw["event"] = {key: value for key, value in raw.get("event", {}).items() if key not in WATCHERS_EVENT_FIELDS}
    raw["oversight"] = {key: value for key, value in raw.get("oversight", {}).items() if key not in WATCHERS_OWN_FIELDS}
    return hashlib.sha256(json.dumps(raw, sort_keys=True).encode()).hexdigest()


def _examine(audit: Audit, doc_id: str, entry: Entry, stored: Mapping[str, Any]) -> None:
    if not stored.get("found"):
        audit.note("lost", doc_id, "the document does not exist")
        return
    source, status = stored["_source"], _status(stored["_source"])
    wrong = _damage(entry, source, status)
    if wrong:
        audit.note("damaged", doc_id, wrong)
    if status not in (ENRICHED, FAILED):
        audit.note("stuck", doc_id, f"its status is {status!r}")
    expected = entry.version + entry.writes + (status != PENDING)
    if stored["_version"] != expected:
        what = "doubled" if stored["_version"] > expected else "damaged"
        audit.note(what, doc_id, f"_version {stored['_version']}, expected {expected}")


def _damage(entry: Entry, source: Mapping[str, Any], status: object) -> str:
    """Describe how a document is damaged; empty if it is not."""
    if digest(source) != entry.raw:
        return "its raw fields have changed"
    if (source.get(OTHERS) or {}).get("value") != entry.value:
        return f"another writer wrote {entry.value}, but the document has {source.get(OTHERS)}"
    if status == PENDING:
        return ""
    label = source["oversight"].get("prediction", {}).get("label")
    if status != (FAILED if entry.label is None else ENRICHED) or label != entry.label:
        return f"its status is {status!r} with label {label!r}, expected label {entry.label!r}"
    error = source.get("error") or source["oversight"].get("failure") or {}
    if entry.label is None and error.get("type") != "missing_feature":
        return f"it failed with {error.get('type')!r}, expected 'missing_feature'"
    return ""


def _status(source: Mapping[str, Any]) -> object:
    return (source.get("oversight") or {}).get("status")


def _lists(ids: list[str], size: int) -> Iterator[list[str]]:
    for first in range(0, len(ids), size):
        yield ids[first : first + size]
