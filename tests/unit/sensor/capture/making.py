"""Makes packets and captures for the tests."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from itertools import chain

from sensor.capture.counts import Counts
from sensor.capture.packet import Packet
from sensor.capture.tracker import MAX_OPEN, track
from sensor.capture.write import ACK, FIN, RST, SYN, tcp
from sensor.flow import Flow

CLIENT, SERVER = "10.0.0.1", "192.0.2.9"
START_S = 1_700_000_000
SECOND_NS = 1_000_000_000
MACS = bytes(12)
RAW, ETHERNET = 101, 1
LETTERS = {"S": SYN, "F": FIN, "R": RST, "A": ACK}


def packet(at_s: float, data: bytes, link_type: int = RAW) -> Packet:
    """A packet some seconds after the start, captured whole."""
    return Packet(START_S * SECOND_NS + round(at_s * SECOND_NS), link_type, data, len(data))


def followed(packets: Iterable[Packet], counts: Counts | None = None, max_open: int = MAX_OPEN) -> list[Flow]:
    """All flows, the single ICMP messages too."""
    return list(chain.from_iterable(track(packets, counts or Counts(), max_open=max_open)))


class Talk:
    """A TCP connection, written down packet by packet. Both sides count their sequence numbers."""

    def __init__(self, *, port: int = 40_000, server_port: int = 80, starts: tuple[int, int] = (1000, 9000)) -> None:
        self.packets: list[Packet] = []
        self.ends = (CLIENT, port, SERVER, server_port)
        self._next = list(starts)
        self._at_s = 0.0

    def up(self, letters: str, size: int = 0, *, after_s: float = 0.01, moves: bool = True) -> Talk:
        """A packet of the client with some flags, such as `SA`."""
        return self._send(0, letters, size, after_s, moves)

    def down(self, letters: str, size: int = 0, *, after_s: float = 0.01, moves: bool = True) -> Talk:
        """A packet of the server."""
        return self._send(1, letters, size, after_s, moves)

    def lose(self, side: int, size: int) -> Talk:
        """Bytes that a side sent and the capture does not have."""
        self._next[side] += size
        return self

    def handshake(self) -> Talk:
        return self.up("S").down("SA").up("A")

    def quiet(self, seconds: float) -> Talk:
        self._at_s += seconds
        return self

    def _send(self, side: int, letters: str, size: int, after_s: float, moves: bool) -> Talk:
        flags = sum(LETTERS[letter] for letter in letters)
        ends = self.ends if side == 0 else (*self.ends[2:], *self.ends[:2])
        acknowledged = self._next[1 - side] if flags & ACK else 0
        data = tcp(*ends, flags=flags, sequence=self._next[side], acknowledged=acknowledged, data=bytes(size))
        self._at_s += after_s
        self.packets.append(packet(self._at_s, data))
        if moves:
            self._next[side] += size + ("S" in letters) + ("F" in letters)
        return self

    def flows(self) -> list[Flow]:
        return followed(self.packets)

    def flow(self) -> Flow:
        """The one flow."""
        (flow,) = self.flows()
        return flow


def block(order: str, kind: int, body: bytes) -> bytes:
    """A block of a pcapng file."""
    body += bytes(-len(body) % 4)
    return struct.pack(order + "II", kind, len(body) + 12) + body + struct.pack(order + "I", len(body) + 12)


def section(order: str) -> bytes:
    return block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))


def interface(order: str, link_type: int, *, cut_at: int = 0, options: Iterable[tuple[int, bytes]] = ()) -> bytes:
    body = struct.pack(order + "HHI", link_type, 0, cut_at)
    for code, value in options:
        body += struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)
    return block(order, 1, body)


def enhanced(order: str, index: int, units: int, data: bytes, length: int | None = None) -> bytes:
    head = struct.pack(order + "IIIII", index, units >> 32, units & 0xFFFFFFFF, len(data), length or len(data))
    return block(order, 6, head + data)


def simple(order: str, data: bytes, length: int | None = None) -> bytes:
    return block(order, 3, struct.pack(order + "I", length or len(data)) + data)


def old(order: str, index: int, units: int, data: bytes) -> bytes:
    head = struct.pack(order + "HHIIII", index, 0, units >> 32, units & 0xFFFFFFFF, len(data), len(data))
    return block(order, 2, head + data)


def pcap(order: str, magic: int, packets: Iterable[tuple[int, int, bytes]], link_type: int = RAW) -> bytes:
    """A pcap file. Each packet: seconds, fraction, data."""
    made = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 65535, link_type)
    for seconds, fraction, data in packets:
        made += struct.pack(order + "IIII", seconds, fraction, len(data), len(data)) + data
    return made
