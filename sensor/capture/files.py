"""Read capture files: pcap and pcapng, also packed with gzip.

A file may end in the middle of a packet, or contain garbage from some place on: the packets before that count, and a
note in `Counts` says where the reading stopped. A file that is no capture at all is an error.

The formats: draft-ietf-opsawg-pcap and draft-ietf-opsawg-pcapng.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush, heapreplace
from pathlib import Path
from typing import IO, cast

from contract.errors import InputError, UnreadableFileError
from contract.files import open_regular
from sensor.capture.counts import Counts
from sensor.capture.packet import Packet

MAX_PACKET_BYTES = 262_144
"""The longest packet. libpcap's MAXIMUM_SNAPLEN; a longer one means that the file is damaged."""
MAX_INTERFACES = 65_536
"""Interfaces of one section. Packed, millions of them fit into a small file."""
MAX_BLOCK_BYTES = 16_777_216
"""The longest block of a pcapng file that is read. Wireshark has the same limit."""

GZIP_MAGIC = b"\x1f\x8b"
PCAP_MAGICS = {
    b"\xa1\xb2\xc3\xd4": (">", 1000),
    b"\xd4\xc3\xb2\xa1": ("<", 1000),
    b"\xa1\xb2\x3c\x4d": (">", 1),
    b"\x4d\x3c\xb2\xa1": ("<", 1),
}
"""Byte order, and nanoseconds in one unit of the fraction of a second."""
SECTION = b"\x0a\x0d\x0d\x0a"
"""Type of the block that a section of a pcapng file begins with; the same in both byte orders."""
SECTION_ORDERS = {b"\x1a\x2b\x3c\x4d": ">", b"\x4d\x3c\x2b\x1a": "<"}
INTERFACE, OLD_PACKET, SIMPLE_PACKET, ENHANCED_PACKET = 1, 2, 3, 6
OPTION_END, OPTION_RESOLUTION, OPTION_OFFSET = 0, 9, 14
SECOND_NS = 1_000_000_000
END_NS = 253_402_300_800 * SECOND_NS
"""The year 10000, which no document can name."""


class _DamagedError(Exception):
    """The rest of the file cannot be read; the text says why."""


def read(paths: Iterable[Path], counts: Counts) -> Iterator[Packet]:
    """The packets of all files in the order of their times, whether one file follows the other or they overlap.

    Within one file the packets come as they are.

    Raises:
        InputError: a file cannot be read, or is no capture.
    """
    waiting = sorted((_began_ns(path), number, path) for number, path in enumerate(paths))
    reading: list[tuple[int, int, Packet, Iterator[Packet]]] = []
    while waiting or reading:
        if not reading or (waiting and waiting[0][0] <= reading[0][0]):
            _, number, path = waiting.pop(0)
            packets = _read_file(path, counts)
            if (first := next(packets, None)) is not None:
                heappush(reading, (first.time_ns, number, first, packets))
        elif len(reading) == 1 and not waiting:
            yield reading[0][2]
            yield from reading.pop()[3]
        else:
            _, number, packet, packets = reading[0]
            yield packet
            if (following := next(packets, None)) is not None:
                heapreplace(reading, (following.time_ns, number, following, packets))
            else:
                heappop(reading)


def _began_ns(path: Path) -> int:
    """The time of the first packet. An empty file comes first."""
    first = next(_read_file(path, Counts()), None)
    return first.time_ns if first is not None else 0


def _read_file(path: Path, counts: Counts) -> Iterator[Packet]:
    number = 0
    try:
        with _open(path) as file:
            for packet in _packets(file, path):
                number += 1
                if 0 <= packet.time_ns < END_NS:
                    yield packet
                else:
                    counts.packets += 1
                    counts.left_out["time before 1970 or after 9999"] += 1
    except (_DamagedError, EOFError, gzip.BadGzipFile, zlib.error) as error:
        counts.notes.append(f"{path}: reading stopped after packet {number:,}: {error}")
    except OSError as error:
        raise UnreadableFileError(f"cannot read {path}: {error.strerror or error}") from error


def _open(path: Path) -> IO[bytes]:
    with open_regular(path) as file:  # a pipe cannot be read twice, and may keep the command waiting for ever
        packed = file.read(2) == GZIP_MAGIC
    return cast("IO[bytes]", gzip.open(path)) if packed else open_regular(path)


def _packets(file: IO[bytes], path: Path) -> Iterator[Packet]:
    magic = file.read(4)
    if magic in PCAP_MAGICS:
        return _pcap(file, *PCAP_MAGICS[magic])
    if magic == SECTION:
        return _pcapng(file)
    raise InputError(
        f"{path} is no capture: it begins with {magic!r}; give pcap or pcapng files, as tcpdump and Wireshark write "
        "them, also packed with gzip"
    )


def _pcap(file: IO[bytes], order: str, unit_ns: int) -> Iterator[Packet]:
    _, _, _, _, _, network = struct.unpack(order + "HHiIII", _exactly(file, 20, "the header of the file"))
    link_type = network & 0xFFFF  # the upper half has flags
    record = struct.Struct(order + "IIII")
    read_bytes = file.read
    while head := read_bytes(16):
        if len(head) < 16:
            raise _DamagedError("the file ends in the middle of a packet")
        seconds, fraction, size, length = record.unpack(head)
        data = read_bytes(_sane(size))
        if len(data) < size:
            raise _DamagedError("the file ends in the middle of a packet")
        yield Packet(seconds * SECOND_NS + fraction * unit_ns, link_type, data, max(length, size))


def _exactly(file: IO[bytes], size: int, what: str) -> bytes:
    data = file.read(size)
    if len(data) < size:
        raise _DamagedError(f"the file ends in the middle of {what}")
    return data


def _sane(size: int) -> int:
    """The captured size of a packet, if it can be true."""
    if size > MAX_PACKET_BYTES:
        raise _DamagedError(f"the next packet claims to have {size:,} bytes, so the file is damaged here")
    return size


@dataclass(slots=True)
class _Interface:
    """One interface of a pcapng section: how its packets begin, and how its times count."""

    link_type: int
    cut_at: int
    units_a_second: int = 1_000_000
    offset_s: int = 0

    def time_ns(self, high: int, low: int) -> int:
        units = high << 32 | low
        return self.offset_s * SECOND_NS + units * SECOND_NS // self.units_a_second


@dataclass(slots=True)
class _Section:
    """One section of a pcapng file: byte order, and the interfaces so far."""

    order: str
    interfaces: list[_Interface] = field(default_factory=list)

    def add(self, interface: _Interface) -> None:
        if len(self.interfaces) == MAX_INTERFACES:
            raise _DamagedError(f"a section describes more than {MAX_INTERFACES:,} interfaces")
        self.interfaces.append(interface)

    def interface(self, index: int) -> _Interface:
        if index >= len(self.interfaces):
            raise _DamagedError(f"a packet names interface {index}, which the file does not describe")
        return self.interfaces[index]

    def numbers(self, form: str, body: bytes) -> tuple[int, ...]:
        """The numbers at the beginning of a block."""
        if len(body) < struct.calcsize(self.order + form):
            raise _DamagedError("a block is too short for its type")
        return struct.unpack_from(self.order + form, body)


def _pcapng(file: IO[bytes]) -> Iterator[Packet]:
    section = _section(file)
    while head := file.read(8):
        if len(head) < 8:
            raise _DamagedError("the file ends in the middle of a block")
        if head.startswith(SECTION):
            section = _section(file, already=head[4:])
            continue
        kind, size = struct.unpack(section.order + "II", head)
        body = _body(file, size)
        if kind == INTERFACE:
            section.add(_interface(section, body))
        elif kind in PACKET_BLOCKS:
            yield PACKET_BLOCKS[kind](section, body)


def _section(file: IO[bytes], already: bytes = b"") -> _Section:
    """Read the head of a section, from behind its type on; `already` was read."""
    head = already + _exactly(file, 8 - len(already), "the head of a section")
    order = SECTION_ORDERS.get(head[4:])
    if order is None:
        raise _DamagedError("a section has no valid byte-order mark")
    (size,) = struct.unpack_from(order + "I", head)
    _body(file, size, already=4)
    return _Section(order)


def _body(file: IO[bytes], size: int, already: int = 0) -> bytes:
    """What a block contains, without the length at its end."""
    if size < 12 + already or size > MAX_BLOCK_BYTES or size % 4:
        raise _DamagedError(f"a block claims to have {size:,} bytes, so the file is damaged here")
    return _exactly(file, size - 8 - already, "a block")[:-4]


def _interface(section: _Section, body: bytes) -> _Interface:
    link_type, _, cut_at = section.numbers("HHI", body)
    found = _Interface(link_type, cut_at)
    at = 8
    while at + 4 <= len(body):
        code, size = struct.unpack_from(section.order + "HH", body, at)
        value = body[at + 4 : at + 4 + size]
        if code == OPTION_END:
            break
        if code == OPTION_RESOLUTION and size == 1 == len(value):
            found.units_a_second = 1 << (value[0] & 0x7F) if value[0] & 0x80 else 10 ** value[0]
        elif code == OPTION_OFFSET and len(value) == 8:
            (found.offset_s,) = struct.unpack(section.order + "q", value)
        at += 4 + size + -size % 4
    return found


def _enhanced(section: _Section, body: bytes) -> Packet:
    index, high, low, size, length = section.numbers("IIIII", body)
    return _packet(section.interface(index), high, low, body[20 : 20 + _sane(size)], length)


def _old(section: _Section, body: bytes) -> Packet:
    index, _, high, low, size, length = section.numbers("HHIIII", body)
    return _packet(section.interface(index), high, low, body[20 : 20 + _sane(size)], length)


def _simple(section: _Section, body: bytes) -> Packet:
    """A packet without a time: it counts as of 1970."""
    (length,) = section.numbers("I", body)
    interface = section.interface(0)
    size = min(length, interface.cut_at or MAX_PACKET_BYTES, len(body) - 4)
    return _packet(interface, 0, 0, body[4 : 4 + _sane(size)], length)


def _packet(interface: _Interface, high: int, low: int, data: bytes, length: int) -> Packet:
    return Packet(interface.time_ns(high, low), interface.link_type, data, max(length, len(data)))


PACKET_BLOCKS = {ENHANCED_PACKET: _enhanced, OLD_PACKET: _old, SIMPLE_PACKET: _simple}
