"""Change many stored documents once, as a person asked for: what `oversight retry` and `oversight rescore` do.

    query ──▶ point in time ──▶ page ──▶ change(hit) ──▶ bulk, compare-and-set ──▶ changed | refused | gone
                  ▲                          │                      │
                  │                          └─ None: spared        └─ conflict, no answer: read anew
                  └──────────────── those documents alone, a few passes ◀──┘

Killed at any moment it leaves every document as it was or as it should be; run again it finds those that still fit the
query. Somebody else's write between read and write is a conflict, never undone.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

from elastic_transport import TransportError
from elasticsearch import ApiError, Elasticsearch

from common.backoff import Backoff
from common.elastic.indices import filtered_says, how_kept
from common.elastic.response_limit import MIB, ResponseTooLargeError, megabytes, within
from contract.errors import EngineUnavailableError
from watcher.elastic_faults import (
    EngineRefusesError,
    IndexMissingError,
    PointInTimeLostError,
    engine_faults,
    without_retries,
)
from watcher.read.hit import Hit, hit_of
from watcher.read.page_size import Reading
from watcher.read.poll import CLOSE_S, ORDER, chosen_source, open_point_in_time
from watcher.read.readable_indices import refresh, require_there
from watcher.write.actions import RETRY_STATUSES
from watcher.write.changes import DONE, Change, reason_of, send

KEEP_ALIVE = "10m"
"""How long the point in time outlives a page: also while the work waits for the watcher."""
PASSES = 6
"""Times that a document is read anew after a conflict before it is left to the next run."""
TRIES = 6
"""Times in a row that a server's fault may spoil a request."""
SETTLE_S = 1.0
"""Wait for other writers' changes to show where this user may not refresh."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How hard a sweep may work."""

    page_size: int = 1_000
    rate: float = 0.0
    """Documents a second; 0: as fast as it goes."""
    page_bytes: int = 32 * MIB
    """Most bytes of one page; a larger one is read in parts."""
    backoff_s: float = 0.5
    max_backoff_s: float = 30.0


@dataclass(slots=True)
class Swept:
    """What became of the documents; each counts once."""

    changed: int = 0
    spared: Counter[str] = field(default_factory=Counter)
    """Left as they are, by reason."""
    refused: Counter[str] = field(default_factory=Counter)
    """Elasticsearch refuses the write, by its reason."""
    gone: int = 0
    elsewhere: int = 0
    """No longer among those that fit, by another's write or by one of ours whose answer was lost."""
    left: int = 0
    """Somebody else writes them all the time, or the engine did not answer: for the next run."""
    stopped: bool = False

    @property
    def documents(self) -> int:
        """Documents that were looked at to the end."""
        return self.changed + self.spared.total() + self.refused.total() + self.gone + self.elsewhere

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self)


Changer = Callable[[Hit], Change | str]
"""What to do with a document: a change, or in a word why it is spared. One that is `too_large` was read only as far as
`FEW_FIELDS`.
"""
FEW_FIELDS = ("oversight", "error", "event.kind")
"""What is read of a document that is larger than a page may be."""


@dataclass(slots=True)
class Hooks:
    """What a sweep tells, and whom it asks."""

    before_page: Callable[[], None] = lambda: None
    """Called before a page is read; may wait."""
    wrote: Callable[[Sequence[Change]], None] = lambda _changes: None
    """Told of the changes of a page that took place."""
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
    """Change every document that fits the query now.

    Args:
        es: the cluster.
        index: data stream, index, list or pattern.
        query: which documents.
        change: what to write to one of them.
        fields: what is read of each; None: everything.
        limits: page size, rate, waits.
        stop: ends the work after the page in hand.
        hooks: see there.
    Raises:
        EngineUnavailableError: the engine does not answer for long; what is done is done.
    """
    return _Sweeper(es, index, query, change, fields, limits or Limits(), stop, hooks or Hooks()).run()


def read_all(
    es: Elasticsearch, index: str, query: Mapping[str, Any], *, fields: Sequence[str], limits: Limits | None = None
) -> Iterator[list[Hit]]:
    """Every document that fits now, in pages; nothing is changed.

    Raises:
        EngineUnavailableError: the engine does not answer for long.
    """
    return _Sweeper(es, index, query, lambda _: "read", fields, limits or Limits(), threading.Event(), Hooks()).pages(
        query
    )


class _Sweeper:
    """One run."""

    def __init__(
        self,
        es: Elasticsearch,
        index: str,
        query: Mapping[str, Any],
        change: Changer,
        fields: Sequence[str] | None,
        limits: Limits,
        stop: threading.Event,
        hooks: Hooks,
    ) -> None:
        self._es, self._index, self._query, self._change, self._fields = es, index, query, change, fields
        self._limits, self._stop, self._hooks = limits, stop, hooks
        self._done = Swept()
        self._reading, self._filtered = Reading(chooses=fields is not None), _Filtered(es)
        self._again: set[tuple[str, str]] = set()
        self._seen: set[tuple[str, str]] = set()
        self._started_s = time.monotonic()
        self._sent = 0

    def run(self) -> Swept:
        self._pass(self._query, None)
        for _ in range(PASSES - 1):
            if not self._again or self._stop.is_set():
                break
            if not refresh(self._es, self._index):
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
        """Everything that fits, of `wanted` documents alone where they are named."""
        for page in self.pages(query):
            hits = [hit for hit in page if wanted is None or hit.key in wanted]
            if wanted is not None:
                self._seen |= {hit.key for hit in hits}
            self._page(hits)
            self._hooks.progress(self._done)
            if self._stop.is_set():
                return
            self._pace(len(hits))

    def _page(self, hits: Sequence[Hit]) -> None:
        changes: list[Change] = []
        for hit in hits:
            made = self._filtered.why(hit.index) or self._changed(hit)
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
        """Send changes until each has an end or is to be read anew; returns those that took place."""
        backoff, wrote, open_changes = self._backoff(), [], list(changes)
        for attempt in range(TRIES):
            if not open_changes or (attempt and self._stop.wait(backoff.next_s())):
                break
            try:
                with engine_faults("writing", index=self._index):
                    items = send(self._es, open_changes)
            except (EngineRefusesError, IndexMissingError):
                raise
            except EngineUnavailableError:  # done or not: reading anew tells
                continue
            later = []
            for each, item in zip(open_changes, items, strict=True):
                if self._ended(each, item):
                    wrote += [each] if int(item["status"]) in DONE else []
                else:
                    later.append(each)
            open_changes = later
        self._again |= {each.hit.key for each in open_changes}
        return wrote

    def _ended(self, change: Change, item: Mapping[str, Any]) -> bool:
        """Count the end of one write; False if it is to be sent again."""
        status = int(item.get("status", 500))
        if status in RETRY_STATUSES:
            return False
        if status == 409 or (status >= 500) or status == 408:
            self._again.add(change.hit.key)
        elif status == 404:
            self._done.gone += 1
        elif status not in DONE:
            self._done.refused[reason_of(item)] += 1
        return True

    def pages(self, query: Mapping[str, Any]) -> Iterator[list[Hit]]:
        """The documents that fit now."""
        size = (
            self._limits.page_size
            if not self._limits.rate
            else max(1, min(self._limits.page_size, int(self._limits.rate)))
        )
        self._hooks.before_page()
        self._patiently("looking for the index", lambda: require_there(self._es, self._index))
        point = self._patiently(
            "opening a point in time", lambda: open_point_in_time(self._es, self._index, KEEP_ALIVE)
        )
        after: list[Any] | None = None
        try:
            while not self._stop.is_set():
                search = partial(self._search, point, query, size, after)
                answer, too_large = self._patiently("searching", search)
                point = answer.get("pit_id", point)
                if answer["_shards"].get("failed"):
                    raise EngineUnavailableError(
                        f"some shards of {self._index!r} did not answer; look at the cluster's health, then "
                        "run this again"
                    )
                found = answer["hits"]["hits"]
                if not found:
                    return
                page = [hit_of(item) for item in found]
                page[0].too_large = too_large
                yield page
                after = found[-1]["sort"]
                self._hooks.before_page()
        finally:
            with contextlib.suppress(ApiError, TransportError):
                without_retries(self._es, within_s=CLOSE_S).close_point_in_time(id=point)

    def _search(self, point: str, query: Mapping[str, Any], size: int, after: list[Any] | None) -> tuple[Any, bool]:
        """The next page, of as many documents as fit, and whether it holds only a few fields of a single large one."""
        reading, limit = self._reading, self._limits.page_bytes
        while True:
            whole, fitting = reading.whole, reading.size(size)
            try:
                answer = self._ask(point, query, fitting, after, None if whole else self._fields)
            except ResponseTooLargeError as error:
                if not reading.too_large(fitting, error.hits, limit, whole=whole):
                    return self._search_large(point, query, after), True
            else:
                found = answer["hits"]["hits"]
                if found:
                    reading.saw([hit_of(item) for item in found], size, whole=whole)
                return answer, False

    def _search_large(self, point: str, query: Mapping[str, Any], after: list[Any] | None) -> Any:
        try:
            return self._ask(point, query, 1, after, FEW_FIELDS)
        except ResponseTooLargeError:
            return self._ask(point, query, 1, after, ())

    def _ask(
        self, point: str, query: Mapping[str, Any], size: int, after: list[Any] | None, fields: Sequence[str] | None
    ) -> Any:
        with within(self._limits.page_bytes):
            return self._es.search(
                pit={"id": point, "keep_alive": KEEP_ALIVE},
                query=query,
                sort=ORDER,
                size=size,
                search_after=after,
                seq_no_primary_term=True,
                source=chosen_source(fields),
                track_total_hits=False,
            )

    def _patiently(self, doing: str, ask: Callable[[], Any]) -> Any:
        backoff = self._backoff()
        while True:
            try:
                with engine_faults(doing, index=self._index):
                    return ask()
            except (EngineRefusesError, IndexMissingError, PointInTimeLostError):
                raise
            except EngineUnavailableError:
                if backoff.tries + 1 >= TRIES or self._stop.wait(backoff.next_s()):
                    raise

    def _pace(self, documents: int) -> None:
        """Wait until so many documents may be done by now."""
        self._sent += documents
        if self._limits.rate:
            ahead_s = self._sent / self._limits.rate - (time.monotonic() - self._started_s)
            if ahead_s > 0:
                self._stop.wait(ahead_s)

    def _backoff(self) -> Backoff:
        return Backoff(self._limits.backoff_s, self._limits.max_backoff_s)


class _Filtered:
    """Indices whose `_source` is filtered, so that any write would erase fields; each is looked at once."""

    def __init__(self, es: Elasticsearch) -> None:
        self._es = es
        self._known: dict[str, str] = {}

    def why(self, index: str) -> str:
        """Why nothing is written to an index; empty where something may be."""
        if index not in self._known:
            with engine_faults("reading how documents are kept", index=index):
                kept = how_kept(self._es, index)
            self._known[index] = filtered_says(kept.filtered) if kept is not None and kept.filtered else ""
        return self._known[index]
