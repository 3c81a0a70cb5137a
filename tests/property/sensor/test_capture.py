"""Captures from hell: whatever bytes come, the only error is InputError, and nothing is lost without being counted."""

from __future__ import annotations

import random
import tempfile
from contextlib import suppress
from itertools import chain
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from contract.errors import InputError
from sensor.capture.counts import Counts
from sensor.capture.files import read
from sensor.capture.layers.fragments import Fragments
from sensor.capture.layers.links import LINKS
from sensor.capture.packet import Packet
from sensor.capture.tcp.endpoint import Endpoint
from sensor.capture.tracker import track
from sensor.capture.write import icmp, tcp, udp
from sensor.flow import Flow
from tests.unit.sensor.capture.making import enhanced, interface, pcap, section
from tests.unit.sensor.capture.test_layers import OPENED, OPENED_6

STATES = {"S0", "S1", "SF", "REJ", "S2", "S3", "RSTO", "RSTR", "RSTOS0", "RSTRH", "SH", "SHR", "OTH"}
SAMPLES = [*OPENED.values(), *OPENED_6.values()]
LINK_TYPES = [*LINKS, 105, 127, 4242]


def followed(packets: list[Packet], max_open: int = 1000) -> tuple[list[Flow], Counts]:
    counts = Counts()
    return list(chain.from_iterable(track(packets, counts, max_open=max_open))), counts


def holds(flows: list[Flow], counts: Counts) -> None:
    """What is true of the flows of any packets."""
    whole = [flow for flow in flows if not flow.message_of]
    assert counts.flows == len(whole)
    for flow in flows:
        assert flow.state in STATES
        assert (flow.source_bytes or 0) >= 0
        assert (flow.destination_bytes or 0) >= 0
        assert (flow.duration_s or 0) >= 0
    in_flows = sum((flow.source_packets or 0) + (flow.destination_packets or 0) for flow in whole)
    fragments = counts.joined_fragments + counts.lost_fragments
    assert in_flows + counts.left_out.total() + fragments == counts.packets


@settings(max_examples=300)
@given(st.binary(max_size=400), st.sampled_from(LINK_TYPES), st.integers(0, 5000))
def test_random_bytes_are_counted_or_become_a_flow(data: bytes, link_type: int, more: int) -> None:
    holds(*followed([Packet(0, link_type, data, len(data) + more)]))


@settings(max_examples=300)
@given(st.sampled_from(SAMPLES), st.data())
def test_damaged_packets_of_each_kind_are_counted_or_become_a_flow(
    sample: tuple[int, bytes], draw: st.DataObject
) -> None:
    link_type, data = sample
    packets = []
    for number in range(4):
        damaged = bytearray(data[: draw.draw(st.integers(0, len(data)))])
        for _ in range(draw.draw(st.integers(0, 5))):
            if damaged:
                damaged[draw.draw(st.integers(0, len(damaged) - 1))] = draw.draw(st.integers(0, 255))
        packets.append(Packet(number, link_type, bytes(damaged), len(damaged)))
    holds(*followed(packets))


PCAP = pcap("<", 0xA1B2C3D4, [(second, 0, OPENED["raw"][1]) for second in range(4)])
PCAPNG = section(">") + interface(">", 101, options=[(9, b"\x06")])
PCAPNG += b"".join(enhanced(">", 0, number, OPENED["raw"][1]) for number in range(4))


@settings(max_examples=300)
@given(st.sampled_from([PCAP, PCAPNG]), st.lists(st.tuples(st.integers(0, 400), st.binary(max_size=8)), max_size=6))
def test_damaged_files_give_packets_or_an_input_error(content: bytes, changes: list[tuple[int, bytes]]) -> None:
    damaged = bytearray(content)
    for at, put in changes:
        damaged[at : at + len(put)] = put
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "damaged"
        path.write_bytes(damaged)
        counts = Counts()
        with suppress(InputError):
            holds(list(chain.from_iterable(track(read([path], counts), counts))), counts)


segments = st.lists(
    st.tuples(
        st.booleans(),
        st.integers(0, 63),
        st.one_of(st.integers(0, 3000), st.integers(0, 2**32 - 1)),
        st.one_of(st.integers(0, 3000), st.integers(0, 2**32 - 1)),
        st.integers(0, 1400),
        st.integers(0, 8_000_000_000),
    ),
    max_size=30,
)


@settings(max_examples=300)
@given(segments)
def test_any_segments_of_one_connection_give_flows_that_hold(
    chosen: list[tuple[bool, int, int, int, int, int]],
) -> None:
    """Any flags, numbers, sizes and pauses: each packet is in one flow, and the ids differ."""
    packets, now_ns = [], 0
    for up, flags, sequence, acknowledged, size, pause_ns in chosen:
        ends = ("10.0.0.1", 40_000, "10.0.0.2", 80) if up else ("10.0.0.2", 80, "10.0.0.1", 40_000)
        now_ns += pause_ns
        data = tcp(*ends, flags=flags, sequence=sequence, acknowledged=acknowledged, data=bytes(size))
        packets.append(Packet(now_ns, 101, data, len(data)))
    flows, counts = followed(packets)
    holds(flows, counts)
    assert sum((flow.source_packets or 0) + (flow.destination_packets or 0) for flow in flows) == len(packets)
    assert len({flow.uid for flow in flows}) == len(flows)


@settings(max_examples=100)
@given(
    st.lists(st.integers(1, 200), min_size=1, max_size=30), st.integers(0, 2**32 - 1), st.randoms(use_true_random=False)
)
def test_data_in_any_order_and_number_of_copies_is_complete(
    sizes: list[int], start: int, chance: random.Random
) -> None:
    """The offset up to which the data is there, against a plain set of bytes."""
    pieces, at = [], 1
    for size in sizes:
        pieces.append((at, size))
        at += size
    side = Endpoint()
    side.begin(start, start + at & 0xFFFFFFFF)
    side.acked_wraps, side.acked = divmod(start + 2, 2**32)  # something was acknowledged: no limit for gaps
    seen: set[int] = set()
    for offset, size in [chance.choice(pieces) for _ in range(60)]:
        side.add(offset, size)
        seen.update(range(offset, offset + size))
        reached = next(place for place in range(1, at + 1) if place not in seen)
        assert side.reached == reached
        assert side.stored == max(seen) + 1


@settings(max_examples=300)
@given(st.lists(st.tuples(st.integers(0, 12), st.integers(1, 6)), max_size=12))
def test_fragments_keep_what_came_first(parts: list[tuple[int, int]]) -> None:
    """Against a plain array: each byte is that of the first fragment with it."""
    joined, counts = Fragments(Counts()), Counts()
    whole = bytearray(144)
    filled = [False] * len(whole)
    for number, (offset, size) in enumerate([*parts, (0, 18)]):
        begin, data = 8 * offset, bytes([number + 1]) * 8 * size
        found = joined.add(0, (b"a", b"b", 17, 1), data, offset=begin, header=20, more=number < len(parts))
        for place in range(begin, begin + len(data)):
            if not filled[place]:
                whole[place], filled[place] = number + 1, True
    assert found is not None
    assert found[0] == whole
    assert counts.lost_fragments == 0


@settings(max_examples=100)
@given(st.data())
def test_bounds_hold_for_any_mix(draw: st.DataObject) -> None:
    """At most `max_open` flows are open; each packet is still in exactly one flow."""
    packets = []
    for number in range(40):
        host = f"10.0.0.{draw.draw(st.integers(1, 9))}"
        data = draw.draw(
            st.sampled_from(
                [
                    udp(host, 1, "10.0.1.1", 53),
                    icmp(host, "10.0.1.1", kind=8),
                    tcp(host, 1, "10.0.1.1", 80, flags=2),
                    tcp("10.0.1.1", 80, host, 1, flags=20),
                ]
            )
        )
        packets.append(Packet(number * draw.draw(st.integers(0, 10**9)), 101, data, len(data)))
    packets.sort()
    flows, counts = followed(packets, max_open=3)
    whole = [flow for flow in flows if not flow.message_of]
    assert sum((flow.source_packets or 0) + (flow.destination_packets or 0) for flow in whole) == len(packets)
    assert counts.pushed_out <= len(whole)
