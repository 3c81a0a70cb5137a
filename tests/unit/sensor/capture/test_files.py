"""Capture files: formats, and what happens where they are damaged."""

from __future__ import annotations

import gzip
import os
import struct
from pathlib import Path

import pytest

from contract.errors import InputError, UnreadableFileError
from sensor.capture.counts import Counts
from sensor.capture.files import MAX_INTERFACES, read
from sensor.capture.packet import Packet
from sensor.capture.tracker import track
from sensor.capture.write import CaptureWriter, udp
from tests.unit.sensor.capture.making import RAW, block, enhanced, interface, old, pcap, section, simple

DATA = udp("10.0.0.1", 5000, "10.0.0.2", 53, data=b"question")
NS = 1_700_000_000_123_456_000


def packets_of(path: Path, content: bytes, counts: Counts | None = None) -> list[Packet]:
    path.write_bytes(content)
    return list(read([path], counts or Counts()))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("magic", "fraction"), [(0xA1B2C3D4, 123_456), (0xA1B23C4D, 123_456_000)])
def test_pcap_is_read_in_both_byte_orders_with_micro_and_nanoseconds(
    order: str, magic: int, fraction: int, tmp_path: Path
) -> None:
    content = pcap(order, magic, [(1_700_000_000, fraction, DATA)])
    assert packets_of(tmp_path / "a.pcap", content) == [Packet(NS, RAW, DATA, len(DATA))]


@pytest.mark.parametrize("order", ["<", ">"])
def test_pcapng_is_read_in_both_byte_orders_with_all_kinds_of_packets(order: str, tmp_path: Path) -> None:
    content = section(order) + interface(order, RAW) + enhanced(order, 0, NS // 1000, DATA, 99)
    content += old(order, 0, NS // 1000, DATA) + simple(order, DATA)
    assert packets_of(tmp_path / "a.pcapng", content) == [
        Packet(NS, RAW, DATA, 99),
        Packet(NS, RAW, DATA, len(DATA)),
        Packet(0, RAW, DATA, len(DATA)),
    ]


def test_interfaces_of_a_pcapng_have_their_own_link_types_and_clocks(tmp_path: Path) -> None:
    order = "<"
    binary = NS * (1 << 30) // 1_000_000_000
    content = section(order)
    content += interface(order, 1, options=[(9, b"\x09")]) + enhanced(order, 0, NS, b"first")
    content += interface(order, 113, options=[(2, b"eth0"), (9, b"\x9e"), (14, struct.pack("<q", 100))])
    content += enhanced(order, 1, binary, b"second") + enhanced(order, 0, NS + 7, b"third")
    first, second, third = packets_of(tmp_path / "a.pcapng", content)
    assert first == Packet(NS, 1, b"first", 5)
    assert second[1:] == (113, b"second", 6)
    assert abs(second.time_ns - (NS + 100_000_000_000)) <= 1
    assert third == Packet(NS + 7, 1, b"third", 5)


def test_a_second_section_has_its_own_byte_order_and_interfaces(tmp_path: Path) -> None:
    content = section("<") + interface("<", RAW) + enhanced("<", 0, 1000, b"one")
    content += section(">") + interface(">", 1) + enhanced(">", 0, 2000, b"two")
    assert packets_of(tmp_path / "a.pcapng", content) == [
        Packet(1_000_000, RAW, b"one", 3),
        Packet(2_000_000, 1, b"two", 3),
    ]


def test_a_simple_packet_is_cut_at_the_length_of_its_interface(tmp_path: Path) -> None:
    content = section("<") + interface("<", RAW, cut_at=4) + simple("<", b"abcd", 6)
    assert packets_of(tmp_path / "a.pcapng", content) == [Packet(0, RAW, b"abcd", 6)]


def test_blocks_that_are_no_packets_are_skipped(tmp_path: Path) -> None:
    from tests.unit.sensor.capture.making import block

    content = section("<") + block("<", 4, b"names") + interface("<", RAW) + block("<", 0x0BAD, b"")
    assert packets_of(tmp_path / "a.pcapng", content + enhanced("<", 0, 1, b"data")) == [Packet(1000, RAW, b"data", 4)]


@pytest.mark.parametrize("name", ["a.pcap.gz", "packed"])
def test_gzip_is_recognised_by_its_content(name: str, tmp_path: Path) -> None:
    content = pcap("<", 0xA1B2C3D4, [(1_700_000_000, 123_456, DATA)])
    assert packets_of(tmp_path / name, gzip.compress(content)) == [Packet(NS, RAW, DATA, len(DATA))]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("kind", ["pcap", "pcapng"])
def test_a_truncated_file_gives_the_packets_before_its_end_and_says_so(kind: str, packed: bool, tmp_path: Path) -> None:
    """Cut at every byte: the whole packets before it come, and a note unless it is the end of one."""
    pieces = [pcap("<", 0xA1B2C3D4, []), *(pcap("<", 0xA1B2C3D4, [(1, n, DATA)])[24:] for n in range(3))]
    if kind == "pcapng":
        pieces = [section("<") + interface("<", RAW), *(enhanced("<", 0, n, DATA) for n in range(3))]
    ends = [sum(map(len, pieces[: n + 1])) for n in range(4)]
    content = b"".join(pieces)
    for size in range(4, len(content) + 1):
        counts = Counts()
        cut = content[:size]
        found = packets_of(tmp_path / "cut", gzip.compress(cut) if packed else cut, counts)
        assert len(found) == max(0, sum(end <= size for end in ends) - 1), size
        whole = size in ends or (kind == "pcapng" and size == len(section("<")))
        assert counts.notes == [] if whole else "reading stopped after packet" in counts.notes[0], size


def test_a_cut_gzip_file_gives_what_can_be_unpacked(tmp_path: Path) -> None:
    content = pcap("<", 0xA1B2C3D4, [(1, number, DATA + str(number).encode()) for number in range(2000)])
    counts = Counts()
    found = packets_of(tmp_path / "cut.gz", gzip.compress(content)[:-1000], counts)
    assert 0 < len(found) < 2000
    assert f"cut.gz: reading stopped after packet {len(found):,}: " in counts.notes[0]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (
            pcap("<", 0xA1B2C3D4, [(1, 0, DATA)]) + struct.pack("<IIII", 1, 1, 1 << 30, 60),
            "claims to have 1,073,741,824",
        ),
        (
            section("<") + interface("<", RAW) + enhanced("<", 0, 1, DATA) + enhanced("<", 7, 1, DATA),
            "names interface 7",
        ),
        (section("<") + interface("<", RAW) + enhanced("<", 0, 1, DATA) + struct.pack("<II", 6, 13), "have 13 bytes"),
        (section("<") + interface("<", RAW) + enhanced("<", 0, 1, DATA) + struct.pack("<III", 6, 12, 12), "too short"),
        (
            section("<") + interface("<", RAW) + enhanced("<", 0, 1, DATA) + section("<")[:8] + b"what",
            "byte-order mark",
        ),
    ],
)
def test_reading_stops_with_a_note_where_a_file_is_damaged(content: bytes, says: str, tmp_path: Path) -> None:
    counts = Counts()
    assert len(packets_of(tmp_path / "damaged", content, counts)) == 1
    assert says in counts.notes[0]


def test_the_next_file_is_read_after_a_damaged_one(tmp_path: Path) -> None:
    whole = pcap("<", 0xA1B2C3D4, [(1, 0, DATA)])
    (tmp_path / "a").write_bytes(whole[:-1])
    (tmp_path / "b").write_bytes(whole)
    assert len(list(read([tmp_path / "a", tmp_path / "b"], Counts()))) == 1


def test_packets_of_several_files_come_in_the_order_of_their_times(tmp_path: Path) -> None:
    """Files of a rotation in any order, and two interfaces that were recorded at the same time."""
    times = {"c": [1, 4, 7], "a": [2, 3, 8, 9], "b": [20, 21], "empty": [], "d": [30]}
    for name, seconds in times.items():
        (tmp_path / name).write_bytes(pcap("<", 0xA1B2C3D4, [(second, 0, name.encode()) for second in seconds]))
    counts = Counts()
    found = [packet.time_ns // 1_000_000_000 for packet in read([tmp_path / name for name in times], counts)]
    assert found == sorted(second for seconds in times.values() for second in seconds)
    assert counts.notes == []


@pytest.mark.parametrize("content", [b"", b"ab", b"#separator \\x09\n", b"{}" * 100])
def test_what_is_no_capture_is_refused(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is no capture: .* give pcap or pcapng files"):
        packets_of(tmp_path / "conn.log", content)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read .*missing\.pcap"):
        list(read([tmp_path / "missing.pcap"], Counts()))


def test_what_the_writer_wrote_is_read(tmp_path: Path) -> None:
    path = tmp_path / "made.pcap"
    with CaptureWriter(path) as capture:
        capture.write(1_700_000_000.5, DATA)
    (packet,) = read([path], Counts())
    assert (packet.time_ns, packet.link_type, packet.data[14:]) == (1_700_000_000_500_000_000, 1, DATA)


def test_a_capture_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot write"):
        CaptureWriter(tmp_path / "no" / "folder.pcap")


def test_a_time_that_no_document_can_name_is_counted(tmp_path: Path) -> None:
    counts, order = Counts(), "<"
    content = section(order) + interface(order, RAW, options=[(9, b"\x00")]) + enhanced(order, 0, 2**64 - 1, DATA)
    path = tmp_path / "a.pcapng"
    path.write_bytes(content + enhanced(order, 0, 1_700_000_000, DATA))
    found = [flow for flows in track(read([path], counts), counts) for flow in flows]
    assert [flow.started_s for flow in found] == [1_700_000_000]
    assert counts.left_out == {"time before 1970 or after 9999": 1}


def test_an_option_without_its_value_changes_nothing(tmp_path: Path) -> None:
    content = section("<") + block("<", 1, struct.pack("<HHIHH", RAW, 0, 0, 9, 1)) + enhanced("<", 0, NS // 1000, DATA)
    assert packets_of(tmp_path / "a.pcapng", content) == [Packet(NS, RAW, DATA, len(DATA))]


def test_millions_of_interfaces_end_the_reading(tmp_path: Path) -> None:
    counts = Counts()
    content = section("<") + interface("<", RAW) * (MAX_INTERFACES + 1) + enhanced("<", 0, 1, DATA)
    assert packets_of(tmp_path / "a.pcapng", content, counts) == []
    assert "more than 65,536 interfaces" in counts.notes[0]


def test_a_pipe_is_an_error_and_keeps_nobody_waiting(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(UnreadableFileError, match="not a regular file"):
        list(read([pipe], Counts()))
