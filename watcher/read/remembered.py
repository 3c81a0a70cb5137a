"""What a watcher remembers of documents between two rounds. No I/O.

    page of hits ──▶ admit() ──┬─▶ fresh        enrich it
                               ├─▶ stale        it was written, and the search does not show that write yet
                               ├─▶ quarantined  its update was refused a while ago, and it has not changed since
                               └─▶ looping      we wrote it, the search shows the write, and it is still pending

A restarted watcher has forgotten all of this. The only effect is that some work is done twice.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from watcher.read.hit import Hit

STALE_S = 60.0
"""How long a write may stay invisible to the search: about twice a usual refresh interval. There must be a limit: an
index that was deleted and created again counts its writes from 0, and its documents are not old ones.
"""
QUARANTINE_S, QUARANTINE_LIMIT_S = 60.0, 6 * 3600.0
"""First and longest pause of a quarantined document; the pause doubles. A document that changes is tried at once."""
ALONE_LIMIT_S = 3600.0
"""Longest pause of a document on which the enrich service fails: the service may be fixed any day."""
LOOPING = "still pending after its prediction was written; it may have `oversight.status` both nested and dotted"
WRITTEN, QUARANTINED = 50_000, 50_000
"""Documents to remember: 50,000 to 100,000 own writes (about 30 MB) and at most 50,000 quarantined ones. The oldest are
forgotten first. This is enough for 7,000 writes a second that a refresh shows after 5 s.
"""

Key = tuple[str, str]
_NONE: dict[str, Known] = {}


@dataclass(slots=True)
class Quarantine:
    """A document that is skipped until `until_s`, unless it changes."""

    seq_no: int
    pause_s: float
    until_s: float
    alone: bool = False
    """The enrich service failed on it, so the next try is a request of its own."""
    reason: str = ""
    """Why it cannot be written; empty if the enrich service failed on it."""


class Known(NamedTuple):
    """The newest known write of a document. A hit with a smaller `seq_no` is out of date."""

    seq_no: int
    ours: bool
    at_s: float


@dataclass(slots=True)
class Admission:
    """The hits of one page by what to do with them. Each is in exactly one list."""

    fresh: list[Hit] = field(default_factory=list)
    stale: list[Hit] = field(default_factory=list)
    quarantined: list[Hit] = field(default_factory=list)
    looping: list[Hit] = field(default_factory=list)


class Recent:
    """Writes by index and id. The older half is dropped at once, so that memory does not fragment.

    Args:
        least: how many of the newest are always kept; at most twice as many are.
    """

    def __init__(self, least: int) -> None:
        self._least, self._count = least, 0
        self._young: defaultdict[str, dict[str, Known]] = defaultdict(dict)
        self._old: Mapping[str, dict[str, Known]] = {}

    def get(self, key: Key) -> Known | None:
        """Return the newest known write of a document."""
        index, doc_id = key
        return self._young.get(index, _NONE).get(doc_id) or self._old.get(index, _NONE).get(doc_id)

    def put(self, key: Key, known: Known) -> None:
        """Remember the newest write of a document."""
        index, doc_id = key
        if self._count >= self._least:
            self._young, self._old, self._count = defaultdict(dict), self._young, 0
        of_index = self._young[index]
        self._count += doc_id not in of_index
        of_index[doc_id] = known


class Memory:
    """Own writes and quarantined documents, by index and id. Several threads may share it.

    Times are seconds of a monotonic clock.
    """

    def __init__(self, written: int = WRITTEN, quarantined: int = QUARANTINED) -> None:
        self._limit, self._lock = quarantined, threading.RLock()
        self._written = Recent(written)
        self._quarantined: dict[Key, Quarantine] = {}

    def admit(self, hits: Sequence[Hit], now_s: float, *, stale_s: float = STALE_S) -> Admission:
        """Sort the hits of a page, and quarantine those that loop.

        Args:
            hits: the page.
            now_s: the time.
            stale_s: how long the search may be behind; 0 if the index was just refreshed.
        """
        result = Admission()
        with self._lock:
            for hit in hits:
                self._place(hit, now_s, stale_s, result)
        return result

    def wrote(self, writes: Iterable[tuple[Hit, int]], now_s: float) -> None:
        """Remember that we wrote these documents, each with the `seq_no` of the write."""
        with self._lock:
            for hit, seq_no in writes:
                self._written.put(hit.key, Known(seq_no, True, now_s))

    def lost(self, hit: Hit, now_s: float) -> bool:
        """Remember that someone else wrote or deleted this document after it was read.

        Return whether the same was true of the same write before: searches find a document that cannot be updated.
        """
        known = Known(hit.seq_no + 1, False, now_s)
        with self._lock:
            earlier = self._written.get(hit.key)
            self._written.put(hit.key, known)
        return earlier is not None and not earlier.ours and earlier.seq_no == known.seq_no

    def quarantine(self, hit: Hit, now_s: float, *, alone: bool = False, reason: str = "") -> bool:
        """Skip a document for a while, longer each time. Return whether this is its first time.

        Args:
            hit: the document.
            now_s: the time.
            alone: the enrich service fails on it, so it is tried again in a request of its own.
            reason: why it cannot be written.
        """
        limit_s = ALONE_LIMIT_S if alone else QUARANTINE_LIMIT_S
        with self._lock:
            earlier = self._quarantined.pop(hit.key, None)
            pause_s = QUARANTINE_S if earlier is None else min(limit_s, earlier.pause_s * 2)
            self._quarantined[hit.key] = Quarantine(hit.seq_no, pause_s, now_s + pause_s, alone, reason)
            if len(self._quarantined) > self._limit:
                del self._quarantined[next(iter(self._quarantined))]
        return earlier is None

    def reason(self, hit: Hit) -> str:
        """Return why a quarantined document cannot be written; empty if the enrich service failed on it."""
        known = self._quarantined.get(hit.key)
        return "" if known is None else known.reason

    def unanswered(self, hit: Hit) -> bool:
        """Whether this version of the document is quarantined because the enrich service failed on it."""
        known = self._quarantined.get(hit.key)
        return known is not None and known.alone and known.seq_no == hit.seq_no

    def forgive(self, hit: Hit, now_s: float) -> None:
        """End a pause, because the document was not the cause."""
        known = self._quarantined.get(hit.key)
        if known is not None:
            known.until_s = now_s

    def _place(self, hit: Hit, now_s: float, stale_s: float, result: Admission) -> None:
        waits = self._quarantined.get(hit.key)
        same = waits is not None and waits.seq_no == hit.seq_no
        if waits is not None and same and now_s < waits.until_s:
            result.quarantined.append(hit)
            return
        known = self._written.get(hit.key)
        if known is None:
            result.fresh.append(hit)
        elif hit.seq_no < known.seq_no and now_s - known.at_s < stale_s:
            result.stale.append(hit)
        elif hit.seq_no == known.seq_no and known.ours and not same:
            self.quarantine(hit, now_s, reason=LOOPING)
            result.looping.append(hit)
        else:
            result.fresh.append(hit)
