"""Write captures: packets that were never sent, for scenarios and tests.

    from sensor.capture.write import CaptureWriter, tcp, udp, icmp, RST, SYN, ACK

    with CaptureWriter(path) as capture:
        capture.write(started_s, tcp("10.0.0.5", 40000, "10.0.0.9", 80, flags=SYN, sequence=1))
        capture.write(started_s + 0.001, tcp("10.0.0.9", 80, "10.0.0.5", 40000, flags=RST | ACK, acknowledged=2))
        capture.write(started_s + 1, udp("10.0.0.5", 5353, "10.0.0.53", 53, data=b"question"))
        capture.write(started_s + 2, icmp("10.0.0.5", "10.0.0.9", kind=8, data=bytes(56)))

`tcp`, `udp` and `icmp` make one packet each, from the IP header on, with right checksums, for addresses of either
version. `CaptureWriter` puts an Ethernet header before it and writes pcap with nanoseconds, which tcpdump, Wireshark
and Zeek read. Packets are written in the order of the calls: sort them by time first.
"""

from __future__ import annotations

import ipaddress
import struct
from pathlib import Path
from types import TracebackType
from typing import IO

from contract.errors import InputError

FIN, SYN, RST, ACK, URG = 1, 2, 4, 16, 32
SECOND_NS = 1_000_000_000
MAGIC_NS = 0xA1B23C4D
ETHERNET_LINK = 1
MAX_PACKET_BYTES = 262_144
_MACS = b"\x02\x00\x00\x00\x00\x02" + b"\x02\x00\x00\x00\x00\x01"
"""Locally administered addresses, as virtual machines have them."""


class CaptureWriter:
    """A pcap file that is being written; an existing file is replaced. Use it in a `with` block."""

    def __init__(self, path: Path) -> None:
        try:
            self._file: IO[bytes] = path.open("wb")
        except OSError as error:
            raise InputError(f"cannot write {path} ({error.strerror or error}); choose another path") from None
        self._file.write(struct.pack("<IHHiIII", MAGIC_NS, 2, 4, 0, 0, MAX_PACKET_BYTES, ETHERNET_LINK))

    def write(self, time_s: float, packet: bytes) -> None:
        """Add an IP packet.

        Args:
            time_s: seconds since 1970, UTC.
            packet: from the IP header on.
        """
        self.write_at(round(time_s * SECOND_NS), packet)

    def write_at(self, time_ns: int, packet: bytes, *, kept: int = MAX_PACKET_BYTES) -> None:
        """Add an IP packet by its exact time.

        Args:
            time_ns: nanoseconds since 1970, UTC.
            packet: from the IP header on.
            kept: only this many bytes are written; the length on the wire is that of the whole packet.
        """
        frame = _MACS + (b"\x86\xdd" if packet[0] >> 4 == 6 else b"\x08\x00") + packet
        written = frame[: len(frame) - len(packet) + kept]
        seconds, nanoseconds = divmod(time_ns, SECOND_NS)
        self._file.write(struct.pack("<IIII", seconds, nanoseconds, len(written), len(frame)) + written)

    def __enter__(self) -> CaptureWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


def tcp(
    source: str,
    source_port: int,
    destination: str,
    destination_port: int,
    *,
    flags: int,
    sequence: int = 0,
    acknowledged: int = 0,
    window: int = 64_240,
    data: bytes = b"",
) -> bytes:
    """One TCP packet, from the IP header on. `flags` are such as `SYN | ACK`."""
    head = struct.pack(
        "!HHIIBBHHH",
        source_port,
        destination_port,
        sequence & 0xFFFFFFFF,
        acknowledged & 0xFFFFFFFF,
        0x50,
        flags,
        window,
        0,
        0,
    )
    return _ip(source, destination, 6, head + data, checksum_at=16)


def udp(source: str, source_port: int, destination: str, destination_port: int, *, data: bytes = b"") -> bytes:
    """One UDP datagram, from the IP header on."""
    head = struct.pack("!HHHH", source_port, destination_port, 8 + len(data), 0)
    return _ip(source, destination, 17, head + data, checksum_at=6)


def icmp(source: str, destination: str, *, kind: int, code: int = 0, rest: int = 0, data: bytes = b"") -> bytes:
    """One ICMP message, from the IP header on.

    Args:
        kind: its type, such as 8 for an echo request (IPv4) or 128 (IPv6).
        rest: the last four bytes of its header, such as identifier and sequence number of an echo.
    """
    protocol = 58 if ":" in source else 1
    return _ip(source, destination, protocol, struct.pack("!BBHI", kind, code, 0, rest) + data, checksum_at=2)


def fragment(packet: bytes, *, identification: int, offset: int, data: bytes, more: bool) -> bytes:
    """One fragment of an IPv4 packet: its header, and `data` at `offset`, a multiple of 8. It may contradict others."""
    field = (offset // 8) & 0x1FFF | (0x2000 if more else 0)
    head = (
        packet[:2]
        + struct.pack("!HHH", 20 + len(data), identification, field)
        + packet[8:10]
        + bytes(2)
        + packet[12:20]
    )
    return head[:10] + _checksum(head).to_bytes(2, "big") + head[12:] + data


def _ip(source: str, destination: str, protocol: int, payload: bytes, *, checksum_at: int) -> bytes:
    """An IP packet whose payload has its checksum at an offset."""
    ends = ipaddress.ip_address(source).packed + ipaddress.ip_address(destination).packed
    pseudo = b"" if protocol == 1 else ends + struct.pack("!II", len(payload), protocol)
    checksum = _checksum(pseudo + payload) or (0xFFFF if protocol == 17 else 0)
    payload = payload[:checksum_at] + checksum.to_bytes(2, "big") + payload[checksum_at + 2 :]
    if len(ends) == 32:
        return struct.pack("!IHBB", 6 << 28, len(payload), protocol, 64) + ends + payload
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 0, 0x4000, 64, protocol, 0) + ends
    return head[:10] + _checksum(head).to_bytes(2, "big") + head[12:] + payload


def _checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    total = int.from_bytes(data + bytes(len(data) % 2), "big")
    return 0xFFFF - (total % 0xFFFF or (0xFFFF if total else 0))
