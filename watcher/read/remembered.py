"""What a watcher remembers of documents between two rounds. Pure, no I/O.

    page of hits ──▶ admit() ──┬─▶ fresh     to be enriched
                               ├─▶ stale     it was written; the search does not show that write yet
                               ├─▶ parked    its update was refused or denied a while ago, and it has not changed since
                               └─▶ looping   we wrote it, the write shows, and it is pending all the same

A watcher that is started anew has forgotten all of this, and nothing worse happens than work done twice.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from watcher.read.hit import Hit

STALE_S = 60.0
"""How long a write may stay invisible to the search, about twice a usual refresh interval. Not for ever: an index that
was deleted and made anew counts its writes from 0 again, and its documents must not be taken for old ones."""
PARK_S, PARK_LIMIT_S = 60.0, 6 * 3600.0
"""First pause of a parked document; it doubles up to the limit. A document that changes is looked at again at once."""
ALONE_LIMIT_S = 3600.0
"""Longest pause of a document on which the enrich service fails: the service may be mended any day."""
LOOPING = "still pending after its prediction was written; it may have `oversight.status` both nested and dotted"
WRITTEN, PARKED = 50_000, 50_000
"""Documents that are remembered: at least so many own writes, at most twice as many (about 30 MB), and at most so many
parked ones. The oldest are forgotten first. What 7,000 writes a second leave unseen until a refresh after 5 s fits in.
"""

Key = tuple[str, str]
_NONE: dict[str, Known] = {}


@dataclass(slots=True)
class Parked:
    """A document that is left alone until `until_s`, unless somebody changes it."""

    seq_no: int
    pause_s: float
    until_s: float
    alone: bool = False
    """The enrich service failed on it: the next try is a request of its own, so that it spoils no others."""
    reason: str = ""
    """Why it cannot be written; empty where the enrich service failed on it."""


class Known(NamedTuple):
    """The write from which on a document is news: what the search shows with a smaller number is out of date."""

    seq_no: int
    ours: bool
    at_s: float


@dataclass(slots=True)
class Admission:
    """The hits of one page by what is to be done with them: each is in exactly one list."""

    fresh: list[Hit] = field(default_factory=list)
    stale: list[Hit] = field(default_factory=list)
    parked: list[Hit] = field(default_factory=list)
    looping: list[Hit] = field(default_factory=list)


class Recent:
    """Writes by index and id, of which the older half is dropped at once, so memory does not fragment.

    Args:
        least: how many of the newest are always kept; twice as many at most.
    """

    def __init__(self, least: int) -> None:
        self._least, self._count = least, 0
        self._young: defaultdict[str, dict[str, Known]] = defaultdict(dict)
        self._old: Mapping[str, dict[str, Known]] = {}

    def get(self, key: Key) -> Known | None:
        """The newest write of a document."""
        index, doc_id = key
        return self._young.get(index, _NONE).get(doc_id) or self._old.get(index, _NONE).get(doc_id)

    def put(self, key: Key, known: Known) -> None:
        """The newest write of a document."""
        index, doc_id = key
        if self._count >= self._least:
            self._young, self._old, self._count = defaultdict(dict), self._young, 0
        of_index = self._young[index]
        self._count += doc_id not in of_index
        of_index[doc_id] = known


class Memory:
    """Own writes and parked documents, by index and id. Times are seconds of a monotonic clock. Several threads may use
    it.
    """

    def __init__(self, written: int = WRITTEN, parked: int = PARKED) -> None:
        self._limit, self._lock = parked, threading.RLock()
        self._written = Recent(written)
        self._parked: OrderedDict[Key, Parked] = OrderedDict()

    def admit(self, hits: Sequence[Hit], now_s: float, *, stale_s: float = STALE_S) -> Admission:
        """Sort the hits of a page; those that loop are parked by this.

        Args:
            hits: the page.
            now_s: the time.
            stale_s: how long the search may be behind; 0 if the index was refreshed before it.
        """
        result = Admission()
        with self._lock:
            for hit in hits:
                self._place(hit, now_s, stale_s, result)
        return result

    def wrote(self, writes: Iterable[tuple[Hit, int]], now_s: float) -> None:
        """We wrote these documents; beside each the number of that write."""
        with self._lock:
            for hit, seq_no in writes:
                self._written.put(hit.key, Known(seq_no, True, now_s))

    def lost(self, hit: Hit, now_s: float) -> bool:
        """Somebody else wrote or deleted this document after it was read.

        Returns whether that was said of the same write before: the engine shows a document that it denies.
        """
        known = Known(hit.seq_no + 1, False, now_s)
        with self._lock:
            earlier = self._written.get(hit.key)
            self._written.put(hit.key, known)
        return earlier is not None and not earlier.ours and earlier.seq_no == known.seq_no

    def park(self, hit: Hit, now_s: float, *, alone: bool = False, reason: str = "") -> bool:
        """Leave a document alone for a while, longer each time. Returns whether that is new of this document.

        Args:
            hit: the document.
            now_s: the time.
            alone: the enrich service fails on it; it is to be tried again apart from others.
            reason: why it cannot be written.
        """
        limit_s = ALONE_LIMIT_S if alone else PARK_LIMIT_S
        with self._lock:
            earlier = self._parked.pop(hit.key, None)
            pause_s = PARK_S if earlier is None else min(limit_s, earlier.pause_s * 2)
            self._parked[hit.key] = Parked(hit.seq_no, pause_s, now_s + pause_s, alone, reason)
            while len(self._parked) > self._limit:
                self._parked.popitem(last=False)
        return earlier is None

    def reason(self, hit: Hit) -> str:
        """Why a parked document cannot be written; empty where that is not what it waits for."""
        parked = self._parked.get(hit.key)
        return "" if parked is None else parked.reason

    def unanswered(self, hit: Hit) -> bool:
        """Whether this document, as it is now, is parked because the enrich service failed on it."""
        if not self._parked:
            return False
        parked = self._parked.get(hit.key)
        return parked is not None and parked.alone and parked.seq_no == hit.seq_no

    def forgive(self, hit: Hit, now_s: float) -> None:
        """End a pause: what kept the document was not its own."""
        parked = self._parked.get(hit.key)
        if parked is not None:
            parked.until_s = now_s

    def _place(self, hit: Hit, now_s: float, stale_s: float, result: Admission) -> None:
        parked = self._parked.get(hit.key)
        if parked is not None and parked.seq_no == hit.seq_no and now_s < parked.until_s:
            result.parked.append(hit)
            return
        known = self._written.get(hit.key)
        if known is None:
            result.fresh.append(hit)
        elif hit.seq_no < known.seq_no and now_s - known.at_s < stale_s:
            result.stale.append(hit)
        elif hit.seq_no == known.seq_no and known.ours and (parked is None or parked.seq_no != hit.seq_no):
            self.park(hit, now_s, reason=LOOPING)
            result.looping.append(hit)
        else:
            result.fresh.append(hit)
