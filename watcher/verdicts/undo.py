"""Undo a verdict: restore the feedback that each document had before.

written documents ──▶ `Before`, a file ──▶ still as we wrote it? ──yes──▶ the feedback from before
                                                   └──no──▶ conflict: someone judged it since, theirs stays
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import orjson
from elasticsearch import Elasticsearch

from watcher.read.hit import Hit
from watcher.verdicts.bulk import Aim, BulkWriter, Decide, Hooks, Outcome, Skip, Tally, Written
from watcher.verdicts.documents import as_they_are
from watcher.verdicts.feedback import (
    NOT_AN_OBJECT,
    Feedback,
    Verdict,
    feedback_of,
    partial,
    says_the_same,
    stored,
)

MEMORY = 1024 * 1024
"""Bytes that are kept in memory; more go into a temporary file."""


class Before:
    """What stood in the documents of one bulk write, however many they are. Close it."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(MEMORY)  # noqa: SIM115  closed by `close`
        self.count = 0

    def add(self, written: Sequence[Written]) -> None:
        """Remember documents that were written."""
        rows = [(each.hit.index, each.hit.id, each.hit.routing, each.before) for each in written]
        self._file.write(orjson.dumps(rows) + b"\n")
        self.count += len(rows)

    def pages(self) -> Iterator[list[tuple[Hit, Feedback]]]:
        """Return the documents with their feedback from before, in pages."""
        self._file.seek(0)
        for line in self._file:
            rows: list[tuple[str, str, str | None, dict[str, Any]]] = orjson.loads(line)
            yield [(Hit(index, doc_id, 0, 0, {}, routing), before) for index, doc_id, routing, before in rows]

    def close(self) -> None:
        """Forget everything."""
        self._file.close()


def undo(
    es: Elasticsearch,
    index: str,
    before: Before,
    verdict: Verdict | None,
    *,
    stop: threading.Event,
    hooks: Hooks | None = None,
) -> Tally:
    """Restore the feedback from before a verdict.

    Args:
        es: the cluster.
        index: data stream, index, list or pattern, for messages.
        before: the documents that were written.
        verdict: the verdict that was written to them.
        stop: ends the work after the current page.
        hooks: functions to call.
    """
    wanted: dict[tuple[str, str], Feedback] = {}

    def pages() -> Iterator[list[Aim]]:
        for page in before.pages():
            now = as_they_are(es, [hit for hit, _ in page])
            wanted.clear()
            wanted.update({hit.key: there for hit, there in page})
            yield [Aim(hit, None) for hit in now if hit is not None]

    return BulkWriter(es, index, _decider(verdict, wanted), stop=stop, hooks=hooks).run(pages())


def _decider(verdict: Verdict | None, wanted: dict[tuple[str, str], Feedback]) -> Decide:
    def decide(hit: Hit, _seen: str | None) -> Outcome:
        there = stored(hit.source)
        if there is None:
            return NOT_AN_OBJECT
        now = feedback_of(hit.source) or {}
        if now == wanted[hit.key]:
            return Skip.UNCHANGED
        if not says_the_same(now, verdict):
            return Skip.CONFLICT
        return partial(there, wanted[hit.key])

    return decide
