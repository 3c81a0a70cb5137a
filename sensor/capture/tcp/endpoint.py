"""One side of a TCP connection: its state, and how much it sent.

Bytes follow from sequence numbers, so retransmissions count once and missing packets count too. The rules are Zeek's
(src/analyzer/protocol/tcp/TCP_Endpoint.cc, TCP_Reassembler.cc, src/Reassem.cc), so that both see the same bytes.
"""

from __future__ import annotations

from bisect import bisect

INACTIVE, SYN_SENT, SYN_ACK_SENT, PARTIAL, ESTABLISHED, CLOSED, RESET = range(7)
"""States of a side: nothing seen; a SYN; a SYN with ACK that no SYN came before; data but no SYN; ...; FIN; RST."""
WHOLE = 0x1_0000_0000
"""Sequence numbers count up to this."""
MASK = WHOLE - 1
HALF = WHOLE >> 1
UNACKNOWLEDGED_BYTES = 16_384
"""Without any ACK, this much data may come beyond a gap: tcp_max_above_hole_without_any_acks in Zeek."""
MAX_PIECES = 1_000
"""Pieces beyond a gap that are remembered. More come only in an attack on the memory."""


def difference(one: int, other: int) -> int:
    """By how much a sequence number is ahead of another, from -2^31 to 2^31 - 1."""
    delta = (one - other) & MASK
    return delta - WHOLE if delta >= HALF else delta


class Endpoint:
    """One side of a connection. Offsets count from the SYN, which has 0, so the first byte of data has 1."""

    __slots__ = (
        "acked",
        "acked_wraps",
        "before",
        "closed",
        "ended",
        "fin",
        "fin_offset",
        "gaps",
        "last",
        "last_fin",
        "last_rst",
        "last_syn",
        "last_wraps",
        "packets",
        "pieces",
        "reached",
        "repeats",
        "skipping",
        "start",
        "state",
        "stored",
        "trimmed",
        "zero_windows",
    )

    def __init__(self) -> None:
        self.state = self.before = INACTIVE
        """The state, and the one before it."""
        self.start = self.last = self.acked = 0
        """Sequence numbers of the SYN, after the last byte sent, and that the other side acknowledged."""
        self.last_wraps = self.acked_wraps = 0
        """How often they began again at 0."""
        self.fin = False
        self.fin_offset = 0
        self.closed = False
        """Its end was noted: a FIN whose data is complete, or a RST."""
        self.packets = 0
        self.reached = self.trimmed = 1
        """Offsets: data is complete up to the first, and acknowledged up to the second."""
        self.stored = 0
        """The largest offset of data that was seen."""
        self.pieces: list[tuple[int, int]] | None = None
        """Data beyond a gap: offsets of begin and end, in order."""
        self.skipping = False
        """Too much came without an ACK: gaps no longer count."""
        self.ended = False
        """All of its data was seen, and then its end."""
        self.last_syn = self.last_fin = self.last_rst = 0
        """Offsets of the last such packet: a repeated one is no news for the history."""
        self.repeats = self.zero_windows = self.gaps = 0

    def enter(self, state: int) -> None:
        """Get a new state."""
        if state != self.state:
            self.before, self.state = self.state, state

    def begin(self, sequence: int, last: int) -> None:
        """Count from a SYN with this sequence number on."""
        self.start = self.acked = sequence
        self.last = last

    def offset(self, sequence: int, last: int, wraps: int) -> int:
        """The offset of a sequence number near `last`, which began again `wraps` times. Negative: before the SYN."""
        delta = difference(sequence, last)
        if delta < 0:
            if wraps and sequence > last:
                wraps -= 1
        elif delta > 0 and sequence < last:
            wraps += 1
        return (wraps << 32) + sequence - self.start if wraps else difference(sequence, self.start)

    def move_last(self, sequence: int) -> None:
        """More was sent, up to this number."""
        if sequence < self.last:
            self.last_wraps += 1
        self.last = sequence

    def move_acked(self, sequence: int) -> None:
        """More was acknowledged, up to this number."""
        if sequence < self.acked:
            self.acked_wraps += 1
        self.acked = sequence

    @property
    def nothing_acked(self) -> bool:
        """Whether the other side acknowledged no data, at most the SYN."""
        return (self.acked_wraps << 32) + self.acked - self.start in (0, 1)

    def size(self, peer: Endpoint) -> int:
        """Bytes of payload that it sent."""
        if self.before == SYN_SENT and self.state == RESET and peer.state == INACTIVE and not self.nothing_acked:
            return 0  # it aborted a half open connection
        last, acked = (self.last_wraps << 32) + self.last, (self.acked_wraps << 32) + self.acked
        size = max(last, acked) - self.start
        size -= size > 0
        return size - (self.fin and size > 0)

    def add(self, offset: int, length: int) -> None:
        """Data of this length was seen at an offset."""
        if self.skipping:
            return
        end = offset + length
        if end <= self.trimmed:
            return
        self.stored = max(self.stored, end)
        if offset > self.reached:
            self._beyond_a_gap(max(offset, self.trimmed), end)
        elif end > self.reached:
            self.reached = end
            if self.pieces:
                self._join()
        if self.pieces and self._is_too_much():
            self.skipping = True
            self.pieces, self.stored = None, 0

    def _beyond_a_gap(self, offset: int, end: int) -> None:
        pieces = self.pieces = self.pieces or []
        first = bisect(pieces, (offset, end))
        while first and pieces[first - 1][1] >= offset:
            first -= 1
        last = first
        while last < len(pieces) and pieces[last][0] <= end:
            offset, end = min(offset, pieces[last][0]), max(end, pieces[last][1])
            last += 1
        pieces[first:last] = [(offset, end)]

    def _join(self) -> None:
        """The gap before the first pieces may be filled."""
        pieces = self.pieces or []
        taken = 0
        for begin, end in pieces:
            if begin > self.reached:
                break
            self.reached = max(self.reached, end)
            taken += 1
        self.pieces = pieces[taken:] or None

    def _is_too_much(self) -> bool:
        pieces = self.pieces or []
        return len(pieces) > MAX_PIECES or (self.nothing_acked and pieces[-1][1] - self.reached > UNACKNOWLEDGED_BYTES)

    def acknowledge(self, offset: int) -> int:
        """The other side acknowledged the data up to an offset. What is missing before it will not come any more.

        Returns:
            The number of gaps that were given up.
        """
        gaps = 0
        if offset > self.reached:
            if not self.skipping:
                before = [begin for begin, _ in self.pieces or () if begin < offset]
                covered = max((end for begin, end in self.pieces or () if begin < offset), default=0)
                gaps = len(before) + (covered < offset)
            self.reached = offset
            if self.pieces:
                self._join()
        self.trimmed = offset
        return gaps

    def is_waiting(self, peer: Endpoint) -> bool:
        """Whether data before its end is missing, or data of the other side is not acknowledged."""
        if self.skipping:
            return False
        ahead = (self.last_wraps << 32) + self.last - self.start - self.reached
        if ahead < 0:
            return False
        return ahead > 1 or (self.state != RESET and peer.stored > peer.trimmed)
