"""IP fragments: joined, counted as wrong, and bounded."""

from __future__ import annotations

import struct
from itertools import permutations

import pytest

from sensor.capture.counts import Counts
from sensor.capture.layers import fragments
from sensor.capture.packet import Packet
from sensor.capture.write import fragment, icmp, udp
from sensor.flow import Flow
from tests.unit.sensor.capture.making import RAW, followed, packet

WHOLE = udp("10.0.0.1", 5000, "10.0.0.2", 2049, data=bytes(range(56)))
PAYLOAD = WHOLE[20:]
"""64 bytes: the header of UDP and the data."""


def part(begin: int, end: int, *, more: bool, number: int = 7, data: bytes = PAYLOAD) -> bytes:
    return fragment(WHOLE, identification=number, offset=begin, data=data[begin:end], more=more)


def flow_of(*parts: bytes, counts: Counts | None = None) -> Flow:
    (flow,) = followed([packet(number / 1000, data) for number, data in enumerate(parts)], counts)
    return flow


THREE = (part(0, 24, more=True), part(24, 48, more=True), part(48, 64, more=False))


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_fragments_make_one_datagram_in_any_order(order: tuple[int, ...]) -> None:
    counts = Counts()
    flow = flow_of(*(THREE[index] for index in order), counts=counts)
    assert (flow.destination_port, flow.source_bytes, flow.source_packets, flow.wrong_fragments) == (2049, 56, 1, 0)
    assert counts.lines() == ["IP fragments that were joined to others: 2"]


def test_a_second_copy_of_a_fragment_is_not_wrong() -> None:
    assert flow_of(THREE[0], THREE[1], THREE[1], THREE[0], THREE[2]).wrong_fragments == 0


def test_datagrams_of_one_flow_do_not_mix() -> None:
    mixed = [part(0, 24, more=True, number=1), part(0, 24, more=True, number=2)]
    mixed += [part(24, 64, more=False, number=2), part(24, 64, more=False, number=1)]
    assert flow_of(*mixed).source_packets == 2


def test_teardrop_is_a_datagram_with_wrong_fragments() -> None:
    """The second fragment lies within the first, which ends behind it. KDD's rows have 28 bytes."""
    whole = udp("10.0.0.1", 5000, "10.0.0.2", 53, data=bytes(28))
    drop = [
        fragment(whole, identification=9, offset=0, data=whole[20:56], more=True),
        fragment(whole, identification=9, offset=24, data=bytes(4), more=False),
    ]
    counts = Counts()
    flow = flow_of(*drop, *drop, *drop, counts=counts)
    assert (flow.wrong_fragments, flow.source_bytes) == (6, 84)
    assert counts.lines() == [
        "IP fragments that were joined to others: 3",
        "IP fragments that overlap or leave their datagram: 6",
    ]


def test_a_ping_of_death_is_its_first_fragment() -> None:
    """The last fragment ends beyond 65,535 bytes. KDD's rows have 1,480 bytes, with the 8 of the header of ICMP."""
    ping = icmp("10.0.0.1", "10.0.0.2", kind=8, data=bytes(1472))
    parts = [fragment(ping, identification=3, offset=0, data=ping[20:], more=True)]
    parts += [
        fragment(ping, identification=3, offset=at, data=bytes(1480), more=True) for at in range(1480, 65_000, 1480)
    ]
    parts.append(fragment(ping, identification=3, offset=65_120, data=bytes(1000), more=False))
    message, flow = followed([packet(number / 1000, data) for number, data in enumerate(parts)])
    assert (flow.wrong_fragments, flow.source_bytes, flow.source_packets) == (1, 1472, 1)
    assert (message.wrong_fragments, message.message_of) == (1, flow.uid)


@pytest.mark.parametrize(
    "wrong",
    [
        [part(0, 24, more=True), part(16, 64, more=False)],  # overlaps
        [part(0, 20, more=True), part(24, 64, more=False)],  # no multiple of 8
        [part(48, 64, more=False), part(32, 40, more=False)],  # two ends
        [part(24, 48, more=False), part(48, 64, more=True)],  # behind the end
        [part(0, 0, more=True)],  # nothing
    ],
)
def test_what_contradicts_other_fragments_is_wrong(wrong: list[bytes]) -> None:
    counts = Counts()
    followed([packet(number / 1000, data) for number, data in enumerate(wrong)], counts)
    assert counts.wrong_fragments == 1


@pytest.mark.parametrize("overlapping", [(0, 40), (16, 40), (0, 64)])
def test_of_bytes_that_came_twice_the_first_are_kept(overlapping: tuple[int, int]) -> None:
    joined = fragments.Fragments(Counts())
    key = (b"a", b"b", 17, 1)

    def add(begin: int, end: int, letter: bytes, *, more: bool) -> tuple[bytes, int] | None:
        return joined.add(0, key, letter * (end - begin), offset=begin, header=20, more=more)

    begin, end = overlapping
    assert add(24, 32, b"a", more=True) is None
    assert add(begin, end, b"b", more=True) is None
    found = [add(0, 24, b"c", more=True), add(32, 64, b"d", more=True), add(64, 72, b"e", more=False)][-1]
    assert found is not None
    payload, wrong = found
    assert (len(payload), payload[24:32], payload[64:], wrong >= 1) == (72, b"a" * 8, b"e" * 8, True)
    assert payload[begin:24] == b"b" * (24 - begin)


def test_a_fragment_around_another_one_fills_both_sides() -> None:
    joined = fragments.Fragments(Counts())
    key = (b"a", b"b", 17, 1)
    assert joined.add(0, key, b"a" * 8, offset=24, header=20, more=True) is None
    assert joined.add(0, key, b"b" * 64, offset=0, header=20, more=False) == (b"b" * 24 + b"a" * 8 + b"b" * 32, 1)


def test_ipv6_fragments_make_one_datagram() -> None:
    whole = udp("2001:db8::1", 5000, "2001:db8::2", 2049, data=bytes(56))

    def part_6(begin: int, end: int, more: int) -> bytes:
        data = bytes((17, 0)) + struct.pack("!HI", begin | more, 99) + whole[40 + begin : 40 + end]
        return whole[:4] + struct.pack("!HBB", len(data), 44, 64) + whole[8:40] + data

    flow = flow_of(part_6(32, 64, 0), part_6(0, 32, 1))
    assert (flow.source, flow.source_bytes, flow.wrong_fragments) == ("2001:db8::1", 56, 0)


def test_extension_headers_may_be_in_the_fragments() -> None:
    """Behind the fragment's header comes one with destination options; a fragment within a fragment is refused."""
    whole = udp("2001:db8::1", 5000, "2001:db8::2", 2049, data=bytes(48))
    inner = bytes((17, 0)) + bytes(6) + whole[40:]

    def part_6(begin: int, end: int, more: int, following: int, number: int) -> bytes:
        data = bytes((following, 0)) + struct.pack("!HI", begin | more, number) + inner[begin:end]
        return whole[:4] + struct.pack("!HBB", len(data), 44, 64) + whole[8:40] + data

    assert flow_of(part_6(0, 32, 1, 60, 1), part_6(32, 64, 0, 60, 1)).source_bytes == 48
    inner = bytes((17, 0)) + struct.pack("!HI", 8 | 1, 5) + bytes(56)
    counts = Counts()
    assert followed([packet(0, part_6(0, 32, 1, 44, 2)), packet(0, part_6(32, 64, 0, 44, 2))], counts) == []
    assert counts.left_out == {"fragment within a fragment": 1}


def test_fragments_wait_five_minutes_and_are_counted_then() -> None:
    first = [packet(0, THREE[0]), packet(1, THREE[1])]
    assert len(followed([*first, packet(299, THREE[2])])) == 1
    counts = Counts()
    assert followed([*first, packet(300, THREE[2])], counts) == []
    assert counts.lines() == ["IP fragments of datagrams that are not complete: 3"]


def test_of_a_fragment_that_was_captured_in_part_only_the_first_counts() -> None:
    def cut(data: bytes) -> Packet:
        return Packet(0, RAW, data[:36], len(data))

    counts = Counts()
    (flow,) = followed([cut(THREE[0]), cut(THREE[1])], counts)
    assert (flow.destination_port, flow.source_packets) == (2049, 1)
    assert counts.left_out == {"fragment that was captured in part": 1}


def test_waiting_datagrams_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest is given up, by number and by bytes."""
    monkeypatch.setattr(fragments, "MAX_DATAGRAMS", 10)
    counts = Counts()
    followed([packet(0, part(0, 24, more=True, number=number)) for number in range(100)], counts)
    assert counts.lost_fragments == 100
    waiting = fragments.Fragments(counts)
    monkeypatch.setattr(fragments, "MAX_BYTES", 10_000)
    for number in range(1000):
        waiting.add(0, (b"a", b"b", 17, number), bytes(800), offset=0, header=20, more=True)
        assert waiting._bytes <= 10_800
        assert len(waiting._open) <= 10
