"""Sort late records in: the windows need connections in the order of their end.

    records, nearly in order ──▶ held for `late_s` ──▶ in order, each with its time in the windows

A source writes a record some time after the connection's end, so a record can come after one that ended later. Every
record comes out exactly once, whatever its time is:

    in time     with its own time
    late        its place has passed already: with the time of the record that was given out last
    off         its clock differs from the others' by more than an hour: with the time of the newest record
    early       too many records are held: before its delay is over

One record with a wrong clock changes nothing for the others. If several in a row agree on the new time, the clock
itself jumped: forward, as after a quiet night, or back, as when files are read in the wrong order. After a jump back
the times in the windows still only grow.

Records wait in lists, one for each second in which they ended. A list is sorted when its second is due, which costs
little, because it is nearly in order.
"""

from __future__ import annotations

import heapq
import math
from bisect import insort
from collections import deque
from collections.abc import Sequence
from operator import itemgetter
from typing import Generic, TypeVar

from contract.errors import InputError

T = TypeVar("T")
LATE_S = 65.0
"""Seconds that a record may come late: Zeek ends a UDP exchange after 60 s without a packet, and then writes it."""
JUMP_S = 3600.0
"""A record that differs from the newest one by more seconds than this is believed only if others agree with it."""
AGREEING = 10
"""So many records in a row that agree are believed, or as many as outnumber all records before."""
MAX_HELD = 250_000
"""Records held: 65 seconds of 3,800 records per second."""
_TIME = itemgetter(0)


class InOrder(Generic[T]):
    """Sorts records by the end of their connections. The same records give the same result in any chunks.

    Args:
        late_s: how much later than the newest record one may come and still be sorted in; the delay of live records.
        max_held: the oldest records come out early when more are held.
    """

    def __init__(self, late_s: float = LATE_S, *, max_held: int = MAX_HELD) -> None:
        self._late_s, self._max_held = late_s, max_held
        self.late = 0
        """Records whose place had passed."""
        self.off = 0
        """Records whose clock differed from the others'."""
        self.early = 0
        """Records given out before their delay was over, because too many were held."""
        self.set_back = 0
        """Times that the clock jumped back."""
        self._held = 0
        self._waiting: dict[float, list[tuple[float, T]]] = {}
        """Records by the second in which they ended, as they came."""
        self._seconds: list[float] = []
        """The keys of `_waiting`, as a heap."""
        self._sorted: deque[tuple[float, T]] = deque()
        """Records of the seconds up to `_sorted_s`, in order."""
        self._sorted_s = -math.inf
        self._next_s = math.inf
        """No held record is before this time."""
        self._newest_s = -math.inf
        self._given_s = -math.inf
        self._shift_s = 0.0
        """Added to each record's time since the clock jumped back."""
        self._trusted = 0
        self._doubtful: list[tuple[float, T]] = []
        """Records in a row that agree with each other and not with the newest one."""

    def push(self, ended_s: float, item: T) -> Sequence[tuple[float, T]]:
        """Add the next record; returns the records that are due, in order, each with its time in the windows.

        Raises:
            InputError: the time is no finite number.
        """
        if not math.isfinite(ended_s):
            raise InputError(f"a record that ended in second {ended_s}; expected a time in seconds since 1970")
        at_s = ended_s + self._shift_s
        if self._trusted and abs(at_s - self._newest_s) > JUMP_S:
            self._doubt(at_s, item)
        else:
            if self._doubtful:
                self._reject_doubtful()
            self._trusted += 1
            self._hold(at_s, item)
        until_s = self._newest_s - self._late_s
        if self._next_s <= until_s or self._held > self._max_held:
            return self._due(until_s)
        return ()

    def idle(self, silent_s: float) -> list[tuple[float, T]]:
        """The records that are due although none came in the last `silent_s` seconds. For live sources."""
        if silent_s >= self._late_s:
            self._believe_doubtful()
        return self._due(self._newest_s - self._late_s + silent_s)

    def close(self) -> list[tuple[float, T]]:
        """All other records, at the end of the input."""
        if self._doubtful and self._doubtful[0][0] > self._newest_s:
            self._believe_doubtful()
        self._reject_doubtful()
        return self._due(math.inf)

    def _hold(self, at_s: float, item: T) -> None:
        if at_s > self._newest_s:
            self._newest_s = at_s
        if at_s < self._given_s:
            self.late += 1
            at_s = self._given_s
        self._held += 1
        second = at_s // 1
        if second <= self._sorted_s:
            insort(self._sorted, (at_s, item), key=_TIME)
            self._next_s = self._sorted[0][0]
        elif second in self._waiting:
            self._waiting[second].append((at_s, item))
        else:
            self._waiting[second] = [(at_s, item)]
            heapq.heappush(self._seconds, second)
            self._next_s = min(self._next_s, second)

    def _due(self, until_s: float) -> list[tuple[float, T]]:
        due: list[tuple[float, T]] = []
        while self._held and (self._next_s <= until_s or self._held > self._max_held):
            if not self._sorted:
                self._sort_next_second()
                continue
            record = self._sorted.popleft()
            self._held -= 1
            self._given_s = record[0]
            self.early += self._given_s > until_s
            due.append(record)
            self._next_s = self._sorted[0][0] if self._sorted else self._seconds[0] if self._seconds else math.inf
        return due

    def _sort_next_second(self) -> None:
        self._sorted_s = heapq.heappop(self._seconds)
        self._sorted.extend(sorted(self._waiting.pop(self._sorted_s), key=_TIME))
        self._next_s = self._sorted[0][0]

    def _doubt(self, at_s: float, item: T) -> None:
        if self._doubtful and abs(at_s - self._doubtful[-1][0]) > JUMP_S:
            self._reject_doubtful()
        self._doubtful.append((at_s, item))
        if len(self._doubtful) > min(self._trusted, AGREEING - 1):
            self._believe_doubtful()

    def _reject_doubtful(self) -> None:
        """Their clocks were wrong: give them the time of the newest record."""
        self.off += len(self._doubtful)
        for _, item in self._doubtful:
            self._hold(self._newest_s, item)
        self._doubtful.clear()

    def _believe_doubtful(self) -> None:
        """The clock jumped. After a jump back, the times in the windows continue where all records before end."""
        if not self._doubtful:
            return
        first_s, shift_s = min(at_s for at_s, _ in self._doubtful), 0.0
        if first_s < self._newest_s:
            shift_s = self._newest_s + JUMP_S - first_s
            self._shift_s += shift_s
            self.set_back += 1
        self._trusted = len(self._doubtful)
        for at_s, item in self._doubtful:
            self._hold(at_s + shift_s, item)
        self._doubtful.clear()
