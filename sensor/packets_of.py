"""Write simulated connections as a capture: packets that were never sent.

    Connection ──▶ packets_of ──▶ merged by time ──▶ CaptureWriter ──▶ FILE ──▶ oversight sense --pcap

The tracker makes the same flows of them: addresses, ports, state, bytes, duration, wrong fragments and urgent packets.
The payload is zeros, and only the headers are written, as with a snapshot length; the length on the wire is the whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from heapq import heappop, heappush
from typing import NamedTuple
from zlib import crc32

from sensor.capture.write import ACK, FIN, RST, SECOND_NS, SYN, URG, CaptureWriter, fragment, icmp, tcp, udp
from sensor.connection import Connection

STEP_NS = 200_000
"""Time between two packets that answer each other."""
CLIENT, SERVER = 0, 1
OPENING = ((CLIENT, SYN), (SERVER, SYN | ACK), (CLIENT, ACK))
UNOPENED: dict[str, tuple[tuple[int, int], ...]] = {
    "S0": ((CLIENT, SYN),),
    "REJ": ((CLIENT, SYN), (SERVER, RST | ACK)),
    "SH": ((CLIENT, FIN),),
}
"""All packets of connections without a handshake, by state. SH is a probe with FIN: no SYN before it, no answer."""
CLOSINGS: dict[str, tuple[tuple[int, int], ...]] = {
    "SF": ((CLIENT, FIN | ACK), (SERVER, FIN | ACK)),
    "S1": (),
    "S3": ((SERVER, FIN | ACK), (CLIENT, ACK)),
    "RSTO": ((CLIENT, RST | ACK),),
    "RSTR": ((SERVER, RST | ACK),),
}
"""The last packets of the other connections, by state."""
SEGMENT_BYTES = 1_460
MAX_SEGMENTS, MAX_SEGMENT_BYTES = 40, 60_000
"""Larger transfers have larger segments, as a machine records them whose network card divides them."""
QUIET_S = 60
"""A connection is never quiet for longer, so that no timer ends it."""
KEPT_BYTES = 64
"""What is written of a packet. Headers have 40 bytes at most; whole fragments are needed to join them."""


class Timed(NamedTuple):
    """A packet and its time."""

    time_ns: int
    packet: bytes
    """From the IP header on."""


def write_capture(capture: CaptureWriter, connections: Iterable[Connection], *, last_s: float) -> int:
    """Write the packets of connections in the order of their times.

    Args:
        connections: in any order.
        last_s: when the last connection ends, in seconds since 1970; the others keep their distance from it.
    Returns:
        The number of packets.
    """
    by_start = sorted(connections, key=lambda connection: connection.started_s)
    ended_s = max((connection.ended_s for connection in by_start), default=0.0)
    shift_ns, written = round((last_s - ended_s) * SECOND_NS), 0
    for time_ns, packet in _in_order(by_start):
        is_fragment = packet[6] & 0x3F or packet[7]
        capture.write_at(time_ns + shift_ns, packet, kept=len(packet) if is_fragment else KEPT_BYTES)
        written += 1
    return written


def packets_of(connection: Connection) -> Iterator[Timed]:
    """The packets of one connection, from `started_s` to its end, in the order of their times."""
    make = {"tcp": _tcp, "udp": _udp, "icmp": _icmp}[connection.protocol_type]
    return make(connection)


def _in_order(by_start: Iterable[Connection]) -> Iterator[Timed]:
    """Merge the packets of connections. Holds those of the connections that are open."""
    waiting: list[tuple[int, int, Timed]] = []
    number = 0
    for connection in by_start:
        start_ns = _start_ns(connection)
        while waiting and waiting[0][0] < start_ns:
            yield heappop(waiting)[2]
        for timed in packets_of(connection):
            number += 1
            heappush(waiting, (timed.time_ns, number, timed))
    while waiting:
        yield heappop(waiting)[2]


def _start_ns(connection: Connection) -> int:
    return round(connection.started_s * SECOND_NS)


def _number(connection: Connection) -> int:
    """A number for identifiers and first sequence numbers: the same each time, and another for each connection."""
    ends = (connection.started_s, connection.source, connection.source_port, connection.destination)
    return crc32(repr((*ends, connection.destination_port)).encode())


def _udp(connection: Connection) -> Iterator[Timed]:
    """The question; and the answer, if it has bytes."""
    start_ns = _start_ns(connection)
    ends = (connection.source, connection.source_port, connection.destination, connection.destination_port)
    question = udp(*ends, data=bytes(connection.src_bytes))
    if connection.wrong_fragment:
        yield from _overlapping(start_ns, question, _number(connection), connection.wrong_fragment)
    else:
        yield Timed(start_ns, question)
    if connection.dst_bytes:
        yield Timed(start_ns + STEP_NS, udp(*ends[2:], *ends[:2], data=bytes(connection.dst_bytes)))


def _overlapping(start_ns: int, packet: bytes, identification: int, wrong: int) -> Iterator[Timed]:
    """A datagram in fragments, of which all but the first overlap others (teardrop)."""
    payload = packet[20:]
    pieces = [(0, 24), *[(8, 24)] * (wrong - 1), (16, len(payload))]
    for number, (begin, end) in enumerate(pieces):
        data, more = payload[begin:end], end < len(payload)
        piece = fragment(packet, identification=identification & 0xFFFF, offset=begin, data=data, more=more)
        yield Timed(start_ns + number * STEP_NS, piece)


def _icmp(connection: Connection) -> Iterator[Timed]:
    """One message. KDD counts its 8 bytes of header."""
    start_ns, number = _start_ns(connection), _number(connection)
    data = bytes(connection.src_bytes - 8)
    message = icmp(connection.source, connection.destination, kind=connection.source_port, rest=number, data=data)
    if not connection.wrong_fragment:
        yield Timed(start_ns, message)
        return
    for step, (offset, data) in enumerate(((0, message[20:]), (65_528, bytes(8)))):  # too long (ping of death)
        piece = fragment(message, identification=number & 0xFFFF, offset=offset, data=data, more=not offset)
        yield Timed(start_ns + step * STEP_NS, piece)


def _tcp(connection: Connection) -> Iterator[Timed]:
    sides = _Sides(connection)
    steps = UNOPENED.get(connection.flag)
    if steps is None:
        steps = (*OPENING, *CLOSINGS[connection.flag])
    opening, closing = steps[: len(OPENING)], steps[len(OPENING) :]
    talk = _talk(connection) if connection.flag in CLOSINGS else []
    start_ns, talk_ns = _start_ns(connection), (len(talk) + 1) * STEP_NS
    shortest_ns = (len(opening) + len(closing)) * STEP_NS + talk_ns
    end_ns = start_ns + (connection.duration * SECOND_NS or shortest_ns)
    closing_ns = end_ns - max(0, len(closing) - 1) * STEP_NS
    for number, (side, flags) in enumerate(opening):
        yield Timed(start_ns + number * STEP_NS, sides.packet(side, flags))
    opened_ns = start_ns + len(opening) * STEP_NS
    for number, (side, flags, size) in enumerate(talk):
        share = (closing_ns - opened_ns) * number // max(1, len(talk) - bool(not closing))
        yield Timed(opened_ns + share, sides.packet(side, flags, size))
    for number, (side, flags) in enumerate(closing):
        yield Timed(closing_ns + number * STEP_NS, sides.packet(side, flags))
    if connection.flag == "SF":
        yield Timed(end_ns + STEP_NS, sides.packet(CLIENT, ACK))  # the connection is over before it


def _talk(connection: Connection) -> list[tuple[int, int, int]]:
    """Side, flags and size of each packet between handshake and end. Each side acknowledges what the other sent."""
    sizes = (connection.src_bytes, connection.dst_bytes)
    turns = max(*map(_segments, sizes), connection.urgent, connection.duration // QUIET_S)
    found = []
    for turn in range(turns):
        flags = ACK | (URG if turn < connection.urgent else 0)
        found.append((CLIENT, flags, _part(sizes[CLIENT], turns, turn)))
        found.append((SERVER, ACK, _part(sizes[SERVER], turns, turn)))
    return [*found, (CLIENT, ACK, 0)] if found else []


def _segments(size: int) -> int:
    return max(-(-size // MAX_SEGMENT_BYTES), min(-(-size // SEGMENT_BYTES), MAX_SEGMENTS))


def _part(size: int, parts: int, number: int) -> int:
    """A whole, divided into parts that differ by one at most."""
    return size // parts + (number < size % parts)


class _Sides:
    """The two sides of a TCP connection, which count their sequence numbers."""

    def __init__(self, connection: Connection) -> None:
        client = (connection.source, connection.source_port)
        server = (connection.destination, connection.destination_port)
        self._ends = ((*client, *server), (*server, *client))
        number = _number(connection)
        self._next = [number, crc32(number.to_bytes(4, "big"))]

    def packet(self, side: int, flags: int, size: int = 0) -> bytes:
        """The next packet of a side."""
        acknowledged = self._next[1 - side] if flags & ACK else 0
        made = tcp(
            *self._ends[side], flags=flags, sequence=self._next[side], acknowledged=acknowledged, data=bytes(size)
        )
        self._next[side] += size + bool(flags & (SYN | FIN))
        return made
