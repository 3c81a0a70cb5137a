"""Follow a TCP connection: what each packet changes.

The rules are Zeek's, so that a state means the same in a capture and in conn.log. They are in its sources:
src/packet_analysis/protocol/tcp/TCPSessionAdapter.cc (packets, timers), scripts/base/protocols/conn/main.zeek
(`conn_state`), src/analyzer/protocol/tcp/TCP_Endpoint.cc (bytes, `history`).
"""

from __future__ import annotations

from sensor.capture.ports import TCP_SERVERS
from sensor.capture.tcp.endpoint import (
    CLOSED,
    ESTABLISHED,
    INACTIVE,
    MASK,
    PARTIAL,
    RESET,
    SYN_ACK_SENT,
    SYN_SENT,
    Endpoint,
    difference,
)
from sensor.capture.tcp.sides import ACK, CONTROL, FIN, RST, SYN, URG, TcpSides
from sensor.capture.timers import ATTEMPT_NS

JUMP = 1_048_576
"""A sequence number of a SYN or RST that is further away than this is not believed: TOO_LARGE_SEQ_DELTA in Zeek."""


def responder_sent_first(flags: int, source_port: int, destination_port: int) -> bool:
    """Whether the first packet that was seen seems to come from the side that did not begin."""
    if flags & SYN and not flags & ACK:
        return False
    if source_port not in TCP_SERVERS:
        return False
    if destination_port in TCP_SERVERS:
        return not flags & SYN and source_port < destination_port
    return True


class TcpConnection(TcpSides):
    """A TCP connection."""

    __slots__ = ()

    def is_reused(self, flags: int, sequence: int) -> bool:
        """Whether this SYN begins another connection between the same ports."""
        if not flags & SYN:
            return False
        side = self.orig
        if flags & ACK:
            if side.state != INACTIVE:
                return False
            side = self.resp
        if self.orig.closed or self.resp.closed:
            return True
        if sequence == side.start:
            return False
        return not (  # the SYN and its answer came in the wrong order
            not flags & ACK
            and side.state == SYN_ACK_SENT
            and self.resp.state == INACTIVE
            and sequence == self.resp.start
        )

    def take(
        self,
        now_ns: int,
        forward: bool,
        flags: int,
        sequence: int,
        acked: int,
        window: int,
        size: int,
        whole: bool,
    ) -> None:
        """A packet of the connection.

        Args:
            forward: from the side that began.
            size: bytes of payload, according to the IP header.
            whole: the capture has all of the payload.
        """
        side, peer = (self.orig, self.resp) if forward else (self.resp, self.orig)
        in_space = (0 if flags & RST else size) + (flags & SYN > 0) + (flags & FIN)
        end = (sequence + in_space) & MASK
        if side.state == INACTIVE or flags & SYN:
            _begin(side, flags, sequence, end)
        offset = side.offset(sequence, side.last, side.last_wraps)
        self.note_flags(side, flags, offset, size)
        if window == 0:
            self._zero_window(side, peer, flags)
        if not (self.orig.closed and self.resp.closed):
            self.ended_ns = now_ns
        if flags & FIN:
            side.fin, side.fin_offset = True, offset + in_space
        acked_offset = self._acknowledge(side, peer, flags, acked) if flags & ACK else 0
        self._move_last(side, flags, end, size)

        closes = self._change_state(now_ns, side, peer, flags, sequence, size, forward)
        if flags & ACK:
            self._give_up_gaps(side, peer, acked_offset)
        if size and whole and offset >= 0 and not flags & RST:
            side.add(offset + (flags & SYN > 0), size)
        self.check_end(side)
        if closes:
            self.close(side)
        side.packets += 1
        if flags & URG:
            self.urgent += 1

    def _zero_window(self, side: Endpoint, peer: Endpoint, flags: int) -> None:
        if not flags & RST and peer.state != CLOSED and side.state != RESET:
            side.zero_windows += 1
            self.note_repeated(side, "W", side.zero_windows)

    def _acknowledge(self, side: Endpoint, peer: Endpoint, flags: int, acked: int) -> int:
        """Note how much of the other side's data this packet acknowledges.

        Returns:
            The offset in the other side's data, 0 if it cannot be true.
        """
        if peer.state == INACTIVE:
            peer.begin((acked - 1) & MASK, (acked - 1) & MASK)
            return 1
        offset = peer.offset(acked, peer.acked, peer.acked_wraps)
        if offset < 0:
            return 0
        ahead = difference(acked, peer.acked)
        if not flags & RST and ahead > 0 and not (acked == 0 and ahead > JUMP):
            peer.move_acked(acked)
        return offset

    def _move_last(self, side: Endpoint, flags: int, end: int, size: int) -> None:
        ahead = difference(end, side.last)
        if flags & (SYN | RST) and abs(ahead) > JUMP:
            return
        if flags & FIN and side.last == (side.start + 1) & MASK:
            side.move_last(end)
        elif side.state == RESET:
            return
        elif ahead > 0:
            side.move_last(end)
        elif size:
            side.repeats += 1
            self.note_repeated(side, "T", side.repeats)

    def _give_up_gaps(self, side: Endpoint, peer: Endpoint, offset: int) -> None:
        if peer.fin and offset >= peer.fin_offset:
            offset = peer.fin_offset - 1
        if offset <= peer.trimmed:
            return
        gaps = peer.acknowledge(offset)
        if gaps and _is_clean(side) and _is_clean(peer):
            for _ in range(gaps):
                peer.gaps += 1
                self.note_repeated(peer, "G", peer.gaps)
        self.check_end(peer)

    def _change_state(
        self, now_ns: int, side: Endpoint, peer: Endpoint, flags: int, sequence: int, size: int, forward: bool
    ) -> bool:
        """What the flags do to the state of a side.

        Returns:
            Whether the side ends.
        """
        if side.state in (ESTABLISHED, PARTIAL):
            return self._established(side, peer, flags) if flags & CONTROL else False
        if side.state == INACTIVE:
            return self._first(now_ns, side, peer, flags, sequence, size, forward)
        if side.state == CLOSED:
            if flags & RST and peer.state != CLOSED:
                side.enter(RESET)
            return False
        return side.state != RESET and self._syn_sent(side, flags)

    def _first(
        self, now_ns: int, side: Endpoint, peer: Endpoint, flags: int, sequence: int, size: int, forward: bool
    ) -> bool:
        """The first packet of a side."""
        if flags & SYN:
            self._first_syn(now_ns, side, peer, flags, sequence, forward)
        if flags & FIN:
            side.enter(CLOSED)
        if flags & RST:
            side.enter(RESET)
        if side.state == INACTIVE:
            self._first_without_flags(side, peer, flags, size, forward)
        return flags & (FIN | RST) != 0

    def _first_syn(self, now_ns: int, side: Endpoint, peer: Endpoint, flags: int, sequence: int, forward: bool) -> None:
        if forward:
            side.enter(SYN_ACK_SENT if flags & ACK else SYN_SENT)
            self.attempt_ns = now_ns + ATTEMPT_NS
            self.wake_ns = min(self.wake_ns, self.attempt_ns)
            return
        if not flags & ACK and peer.state == SYN_ACK_SENT and sequence == side.start:
            self.flip()  # the SYN and its answer came in the wrong order
            peer.enter(ESTABLISHED)
        if peer.state == SYN_SENT:
            peer.enter(ESTABLISHED)
        side.enter(ESTABLISHED)
        if peer.state != PARTIAL:
            self.establish()

    def _first_without_flags(self, side: Endpoint, peer: Endpoint, flags: int, size: int, forward: bool) -> None:
        if not forward and not size and self.orig.state == SYN_SENT:
            return  # some answer a SYN with an ACK before their own SYN
        if flags & ACK and peer.state == ESTABLISHED:
            side.enter(ESTABLISHED)  # only the SYN is missing
        else:
            side.enter(PARTIAL)

    def _syn_sent(self, side: Endpoint, flags: int) -> bool:
        if flags & FIN:
            side.enter(CLOSED)
        if flags & RST:
            side.enter(RESET)
            self.is_active = False
        return flags & (FIN | RST) != 0

    def _established(self, side: Endpoint, peer: Endpoint, flags: int) -> bool:
        if flags & SYN and side.state == PARTIAL and peer.state == INACTIVE and not flags & ACK:
            side.enter(SYN_SENT)
        if flags & RST:
            side.enter(RESET)
            if peer.state != RESET or peer.before != ESTABLISHED:
                self.is_active = False
        elif flags & FIN:
            side.enter(CLOSED)
            if peer.state == RESET and peer.before == CLOSED:
                peer.enter(CLOSED)  # a FIN and then a RST is a normal end
        return flags & (FIN | RST) != 0


def _begin(side: Endpoint, flags: int, sequence: int, end: int) -> None:
    """Set where the data of a side begins: with its first packet, or again with a SYN."""
    if side.state == INACTIVE:
        if flags & SYN:
            side.begin(sequence, end)
        else:
            side.begin((sequence - 1) & MASK, sequence)
        return
    again = side.state in (ESTABLISHED, PARTIAL)
    jumped = side.state in (SYN_SENT, SYN_ACK_SENT) and sequence != side.start
    if again or jumped or (side.state == RESET and side.before == INACTIVE):
        side.begin(sequence, end)


def _is_clean(side: Endpoint) -> bool:
    return side.state == ESTABLISHED or (side.state == CLOSED and side.before == ESTABLISHED)
