"""Put IP datagrams together from their fragments, within bounds.

A fragment is wrong if it overlaps another, disagrees about where the datagram ends, or leaves the 65,535 bytes of one:
teardrop, ping of death. A second copy of a fragment is none of these. What arrived first stays, as in Zeek.
"""

from __future__ import annotations

from bisect import bisect
from collections import OrderedDict
from dataclasses import dataclass, field

from sensor.capture.counts import Counts

WAIT_NS = 300_000_000_000
"""How long a datagram waits for its fragments: Zeek's frag_timeout, 5 minutes (scripts/base/init-bare.zeek)."""
MAX_DATAGRAM_BYTES = 65_535
MAX_DATAGRAMS = 10_000
MAX_BYTES = 32 * 1024 * 1024
"""Bounds of what waits for its fragments. Beyond them the oldest datagram is given up."""

Key = tuple[bytes, bytes, int, int]
"""Source, destination, protocol and identification."""


@dataclass(slots=True)
class _Datagram:
    began_ns: int
    starts: list[int] = field(default_factory=list)
    pieces: list[bytes] = field(default_factory=list)
    """In the order of their offsets, `starts`. They do not overlap."""
    size: int = 0
    """Bytes in `pieces`."""
    count: int = 0
    """Fragments so far."""
    end: int | None = None
    """Length of the whole datagram; None until its last fragment is there."""
    wrong: int = 0
    hopeless: bool = False
    """A fragment left the bounds of a datagram. The first fragment alone stands for it."""


class Fragments:
    """The datagrams that are not complete yet."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts
        self._open: OrderedDict[Key, _Datagram] = OrderedDict()
        self._bytes = 0

    def add(
        self, now_ns: int, key: Key, data: bytes, *, offset: int, header: int, more: bool
    ) -> tuple[bytes, int] | None:
        """Take one fragment: `data` belongs at `offset`; `more` follow, unless it is the last.

        Args:
            header: bytes of the IP header, which count towards the largest datagram.
        Returns:
            The payload of the datagram and the number of its wrong fragments, once it is complete. A datagram that
            gets too long is given as its first fragment. None: not yet, or the fragment is not needed.
        """
        self._forget(now_ns)
        datagram = self._open.get(key)
        if datagram is None:
            datagram = self._open[key] = _Datagram(now_ns)
        if _known(datagram, offset, data):
            self._counts.joined_fragments += 1
            return None
        datagram.count += 1
        too_long = header + offset + len(data) > MAX_DATAGRAM_BYTES
        if too_long or _is_wrong(datagram, offset, data, more=more):
            datagram.wrong += 1
            self._counts.wrong_fragments += 1
        if too_long:
            datagram.hopeless = True
        else:
            self._store(datagram, offset, data)
            if not more:
                datagram.end = max(datagram.end or 0, offset + len(data))
        return self._finished(key, datagram)

    def rest(self) -> None:
        """The capture is over: count what was never complete."""
        while self._open:
            self._give_up()

    def _store(self, datagram: _Datagram, offset: int, data: bytes) -> None:
        """Keep the parts of a fragment that no earlier one has."""
        starts, pieces = datagram.starts, datagram.pieces
        index = max(0, bisect(starts, offset) - 1)
        while data:
            begin, end = (starts[index], starts[index] + len(pieces[index])) if index < len(starts) else (1 << 20, 0)
            if part := data[: max(0, begin - offset)]:
                starts.insert(index, offset)
                pieces.insert(index, part)
                datagram.size += len(part)
                self._bytes += len(part)
                index += 1
            covered = max(0, end - offset)
            data, offset = data[max(len(part), covered) :], offset + max(len(part), covered)
            index += 1

    def _finished(self, key: Key, datagram: _Datagram) -> tuple[bytes, int] | None:
        if datagram.hopeless:
            if not datagram.starts or datagram.starts[0] != 0:
                return None
            payload = datagram.pieces[0]
        elif datagram.end is None or datagram.size < datagram.end or datagram.starts[0] != 0:
            return None
        else:
            payload = b"".join(datagram.pieces)
        self._remove(key, datagram)
        return payload, datagram.wrong

    def _remove(self, key: Key, datagram: _Datagram) -> None:
        del self._open[key]
        self._bytes -= datagram.size
        self._counts.joined_fragments += datagram.count - 1

    def _forget(self, now_ns: int) -> None:
        """Give up what waits too long, and the oldest where too much waits."""
        while self._open:
            oldest = next(iter(self._open.values()))
            if now_ns - oldest.began_ns < WAIT_NS and self._bytes <= MAX_BYTES and len(self._open) < MAX_DATAGRAMS:
                return
            self._give_up()

    def _give_up(self) -> None:
        _, datagram = self._open.popitem(last=False)
        self._bytes -= datagram.size
        self._counts.lost_fragments += datagram.count


def _known(datagram: _Datagram, offset: int, data: bytes) -> bool:
    """Whether this is a copy of a fragment that is there."""
    index = bisect(datagram.starts, offset) - 1
    return index >= 0 and datagram.starts[index] == offset and datagram.pieces[index] == data


def _is_wrong(datagram: _Datagram, offset: int, data: bytes, *, more: bool) -> bool:
    """Whether a fragment contradicts those before it, or itself."""
    end = offset + len(data)
    if not data or (more and len(data) % 8):
        return True
    if datagram.end is not None and (end > datagram.end or (not more and end != datagram.end)):
        return True
    index = bisect(datagram.starts, offset)
    if index and datagram.starts[index - 1] + len(datagram.pieces[index - 1]) > offset:
        return True
    return index < len(datagram.starts) and datagram.starts[index] < end
