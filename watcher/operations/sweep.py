"""Change many stored documents once: what `oversight retry` and `oversight rescore` do.

    query ──▶ point in time ──▶ page ──▶ change(hit) ──▶ bulk, compare-and-set ──▶ changed | refused | gone
                  ▲                          │                      │
                  │                          └─ a reason: spared    └─ conflict, no answer: read again
                  └──────────────── only those documents, a few passes ◀───┘

If it is killed, every document is as it was or as it should be. Run again, it finds the documents that still match the
query. If someone else writes a document between our read and our write, that is a conflict, and their write stays.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property, lru_cache, partial
from typing import Any, TypeVar

from elasticsearch import Elasticsearch

from common.backoff import Backoff
from common.elastic.response_limit import MIB, megabytes
from contract.errors import EngineUnavailableError
from watcher.elastic_faults import (
    EngineRefusesError,
    IndexMissingError,
    engine_faults,
)
from watcher.read.hit import Hit
from watcher.read.page_size import Reading
from watcher.read.poll import PointInTime, Wanted
from watcher.read.readable_indices import refresh, require_there
from watcher.read.retried import TRIES, retried
from watcher.read.source_filters import why_not_written
from watcher.write.actions import RETRY_STATUSES
from watcher.write.changes import DONE, Change, reason_of, send

KEEP_ALIVE_S = 600.0
"""How long the point in time stays open after a page, also while `rescore` waits for the watcher."""
PASSES = 6
"""How often a document is read again after a conflict before it is left for the next run."""
SETTLE_S = 1.0
"""Wait for other writers' changes to become visible if this user may not refresh."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Limits:
    """How hard a sweep may work."""

    page_size: int = 1_000
    rate: float = 0.0
    """Documents per second; 0: no limit."""
    page_bytes: int = 32 * MIB
    """Most bytes of one page; a larger page is read in parts."""
    backoff_s: float = 0.5
    max_backoff_s: float = 30.0


@dataclass(slots=True)
class Swept:
    """What became of the documents. Each counts once."""

    changed: int = 0
    spared: Counter[str] = field(default_factory=Counter)
    """Left as they are, by reason."""
    refused: Counter[str] = field(default_factory=Counter)
    """Elasticsearch refuses the write, by its reason."""
    gone: int = 0
    elsewhere: int = 0
    """No longer match: someone else wrote them, or we did and the response was lost."""
    left: int = 0
    """For the next run: someone else keeps writing them, or Elasticsearch did not answer."""
    stopped: bool = False

    @property
    def documents(self) -> int:
        """Documents with a final outcome."""
        return self.changed + self.spared.total() + self.refused.total() + self.gone + self.elsewhere


Changer = Callable[[Hit], Change | str]
"""Returns the change of a document, or the reason why it is spared. For a document that is `too_large`, only
`FEW_FIELDS` were read.
"""
FEW_FIELDS = ("oversight", "error", "event.kind")
"""Fields to read of a document that is larger than a page may be."""


@dataclass(slots=True)
class Hooks:
    """Functions that a sweep calls."""

    before_page: Callable[[], None] = lambda: None
    """Called before a page is read; may wait."""
    wrote: Callable[[Sequence[Change]], None] = lambda _changes: None
    """Called with the changes of a page that were written."""
    progress: Callable[[Swept], None] = lambda _swept: None


def sweep(
    es: Elasticsearch,
    index: str,
    query: Mapping[str, Any],
    change: Changer,
    *,
    fields: Sequence[str] | None = None,
    limits: Limits | None = None,
    stop: threading.Event,
    hooks: Hooks | None = None,
) -> Swept:
    """Change every document that matches the query now.

    Args:
        es: the cluster.
        index: data stream, index, list or pattern.
        query: which documents.
        change: what to write to one of them.
        fields: what to read of each; None: everything.
        limits: page size, rate, waits.
        stop: ends the work after the current page.
        hooks: functions to call.
    Raises:
        EngineUnavailableError: Elasticsearch does not answer for long; the changes so far stay.
    """
    source = _Source(es, index, fields, limits or Limits(), stop)
    return _Sweeper(source, query, change, hooks or Hooks()).run()


def read_all(
    es: Elasticsearch, index: str, query: Mapping[str, Any], *, fields: Sequence[str], limits: Limits | None = None
) -> Generator[list[Hit], None, None]:
    """Return every document that matches now, in pages.

    Raises:
        EngineUnavailableError: Elasticsearch does not answer for long.
    """
    return _Source(es, index, fields, limits or Limits(), threading.Event()).pages(query)


@dataclass
class _Source:
    """Where the documents are, and how they are read."""

    es: Elasticsearch
    index: str
    fields: Sequence[str] | None
    limits: Limits
    stop: threading.Event

    @cached_property
    def _reading(self) -> Reading:
        return Reading(chooses=self.fields is not None)

    def pages(self, query: Mapping[str, Any]) -> Generator[list[Hit], None, None]:
        """Return the documents that match now."""
        limits = self.limits
        size = max(1, min(limits.page_size, int(limits.rate))) if limits.rate else limits.page_size
        self._retried(partial(require_there, self.es, self.index))
        wanted = Wanted(
            query,
            self.fields or (),
            size,
            limits.page_bytes,
            few_fields=FEW_FIELDS,
            every_shard=True,
            reading=self._reading,
        )
        with PointInTime(self.es, self.index, keep_alive_s=KEEP_ALIVE_S, attempt=self._retried) as point:
            yield from point.pages(wanted)

    def _retried(self, send: Callable[[], T]) -> T:
        return retried(send, backoff=self.backoff(), stop=self.stop)

    def backoff(self) -> Backoff:
        """Return the waits between the tries of one request."""
        return Backoff(self.limits.backoff_s, self.limits.max_backoff_s)


class _Sweeper:
    """One run."""

    def __init__(self, source: _Source, query: Mapping[str, Any], change: Changer, hooks: Hooks) -> None:
        self._source, self._query, self._change, self._hooks = source, query, change, hooks
        self._es, self._limits, self._stop = source.es, source.limits, source.stop
        self._why_not_written = lru_cache(partial(why_not_written, source.es))
        self._done = Swept()
        self._again: set[tuple[str, str]] = set()
        self._seen: set[tuple[str, str]] = set()
        self._started_s = time.monotonic()
        self._sent = 0

    def run(self) -> Swept:
        self._pass(self._query, None)
        for _ in range(PASSES - 1):
            if not self._again or self._stop.is_set():
                break
            if not refresh(self._es, self._source.index):
                self._stop.wait(SETTLE_S)
            wanted, self._again, self._seen = self._again, set(), set()
            ids = sorted({doc_id for _, doc_id in wanted})
            for start in range(0, len(ids), self._limits.page_size):
                chosen = {"ids": {"values": ids[start : start + self._limits.page_size]}}
                self._pass({"bool": {"filter": [self._query, chosen]}}, wanted)
            if not self._stop.is_set():
                self._done.elsewhere += len(wanted - self._seen)
        self._done.left = len(self._again)
        self._done.stopped = self._stop.is_set()
        return self._done

    def _pass(self, query: Mapping[str, Any], wanted: set[tuple[str, str]] | None) -> None:
        """Change everything that matches; only the `wanted` documents if they are given."""
        self._hooks.before_page()
        with closing(self._source.pages(query)) as pages:
            for page in pages:
                hits = [hit for hit in page if wanted is None or hit.key in wanted]
                if wanted is not None:
                    self._seen |= {hit.key for hit in hits}
                self._page(hits)
                self._hooks.progress(self._done)
                self._keep_to_the_rate(len(hits))
                self._hooks.before_page()
                if self._stop.is_set():
                    return

    def _page(self, hits: Sequence[Hit]) -> None:
        changes: list[Change] = []
        for hit in hits:
            made = self._why_not_written(hit.index) or self._changed(hit)
            if isinstance(made, str):
                self._done.spared[made] += 1
            else:
                changes.append(made)
        wrote = self._write(changes)
        self._done.changed += len(wrote)
        if wrote:
            self._hooks.wrote(wrote)

    def _changed(self, hit: Hit) -> Change | str:
        if hit.too_large and not hit.source:
            return f"it is larger than {megabytes(self._limits.page_bytes)}"
        return self._change(hit)

    def _write(self, changes: Sequence[Change]) -> list[Change]:
        """Send changes until each has an outcome or must be read again. Return those that were written."""
        backoff, wrote, waiting = self._source.backoff(), [], list(changes)
        for attempt in range(TRIES):
            if not waiting or (attempt and self._stop.wait(backoff.next_s())):
                break
            try:
                with engine_faults("writing", index=self._source.index):
                    items = send(self._es, waiting)
            except (EngineRefusesError, IndexMissingError):
                raise
            except EngineUnavailableError:  # written or not: reading again shows
                continue
            statuses = [int(item.get("status", 500)) for item in items]
            for change, item, status in zip(waiting, items, statuses, strict=True):
                self._count(change, item, status)
            wrote += [change for change, status in zip(waiting, statuses, strict=True) if status in DONE]
            waiting = [change for change, status in zip(waiting, statuses, strict=True) if status in RETRY_STATUSES]
        self._again |= {each.hit.key for each in waiting}
        return wrote

    def _count(self, change: Change, item: Mapping[str, Any], status: int) -> None:
        """Count the outcome of one write; nothing if it was written, or is sent again."""
        if status in DONE or status in RETRY_STATUSES:
            return
        if status in (408, 409) or status >= 500:
            self._again.add(change.hit.key)
        elif status == 404:
            self._done.gone += 1
        else:
            self._done.refused[reason_of(item)] += 1

    def _keep_to_the_rate(self, documents: int) -> None:
        """Wait until the rate allows this many more documents."""
        self._sent += documents
        if self._limits.rate:
            ahead_s = self._sent / self._limits.rate - (time.monotonic() - self._started_s)
            if ahead_s > 0:
                self._stop.wait(ahead_s)
