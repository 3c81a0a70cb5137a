"""The table of open flows: order, bounds, clock."""

from __future__ import annotations

import random

import pytest

from sensor.capture.counts import Counts
from sensor.capture.packet import Packet
from sensor.capture.tracker import Tracker, track
from sensor.capture.write import SYN, icmp, tcp, udp
from sensor.stream import Stream
from sensor.windows.in_order import LATE_S
from tests.unit.sensor.capture.making import RAW, Talk, followed, packet


def syn(number: int) -> bytes:
    return tcp(f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}", 1024, "192.0.2.1", 80, flags=SYN)


def test_flows_come_as_soon_as_they_are_over() -> None:
    """The short one comes while the long one is open; none waits for the end of the capture."""
    long, short = Talk(port=1).handshake(), Talk(port=2).handshake().up("FA").down("FA")
    data = udp("10.0.0.7", 1, "10.0.0.8", 2)
    lists = track([*sorted([*long.packets, *short.packets]), *(packet(at, data) for at in range(2, 9))], Counts())
    ports = [[flow.source_port for flow in flows] for flows in lists]
    assert ports == [[], [], [], [], [], [2], [], [], [], [1, 1]]


def test_many_flows_do_not_wait_for_the_second_to_end() -> None:
    messages = [packet(number / 1e6, icmp("10.0.0.1", "10.0.0.2", kind=8)) for number in range(2500)]
    assert [len(flows) for flows in track(messages, Counts())] == [1, 1000, 1000, 499, 1]


def test_the_flow_that_was_quiet_longest_is_pushed_out() -> None:
    counts = Counts()
    packets = [packet(0, udp("10.9.9.9", 1, "10.9.9.8", 9999))]
    for number in range(50):
        packets += [packet(number / 100, syn(number)), packet(number / 100, udp("10.9.9.9", 1, "10.9.9.8", 9999))]
    flows = followed(packets, counts, max_open=10)
    assert [flow.source for flow in flows[:2]] == ["10.0.0.0", "10.0.0.1"]
    assert max(flows, key=lambda flow: flow.source_packets or 0).source_packets == 51
    assert (len(flows), counts.pushed_out) == (51, 41)
    assert counts.lines() == ["flows that ended early, because too many were open at once: 41"]


def test_a_flood_leaves_nothing_behind() -> None:
    """Neither the table nor the queue of timers keeps what was pushed out."""
    tracker = Tracker(Counts(), 100)
    for number in range(20_000):
        tracker.take(packet(number / 1e6, syn(number)))
        tracker.over.clear()
    assert len(tracker._open) == 100
    assert len(tracker._queue) < 1200


def test_many_flows_time_out_at_once() -> None:
    flows = followed(
        [*(packet(0, syn(number)) for number in range(5000)), packet(5, udp("10.0.0.1", 1, "10.0.0.2", 2))]
    )
    assert len(flows) == 5001


def test_a_clock_that_goes_back_or_jumps_does_no_harm() -> None:
    data = udp("10.0.0.1", 1, "10.0.0.2", 2)
    times = [1_000_000_000, 0, -(1 << 70), 1 << 70, 5, (1 << 70) + 1]
    counts = Counts()
    flows = followed([Packet(time_ns, RAW, data, len(data)) for time_ns in times], counts)
    assert sum(flow.source_packets or 0 for flow in flows) == len(times)
    assert all((flow.duration_s or 0) >= 0 for flow in flows)


def test_flows_still_end_after_the_clock_was_set_back() -> None:
    """An hour back, as by NTP on a live sensor: timers go on from the new time."""
    data = udp("10.0.0.1", 1, "10.0.0.2", 2)
    counts = Counts()
    flows = followed([packet(at, data) for at in (7200, 7200 - 59, 3600, 3601, 3700)], counts)
    assert [flow.source_packets for flow in flows] == [2, 2, 1]
    assert counts.lines() == ["times that the clock was set back, and all flows ended: 1"]


def test_time_without_packets_ends_flows() -> None:
    """As on an interface where nothing more comes."""
    tracker = Tracker(Counts(), 100)
    tracker.take(packet(0, udp("10.0.0.1", 1, "10.0.0.2", 2)))
    tracker.take(packet(59, b""))
    assert tracker.over == []
    tracker.take(packet(60, b""))
    assert len(tracker.over) == 1


@pytest.mark.parametrize(("late_s", "late"), [(LATE_S, 1), (300.0 + 5, 0)])
def test_an_idle_connection_is_late_for_the_windows_unless_they_wait_for_it(late_s: float, late: int) -> None:
    """As the help of `--late` says: it ends 300 s after its last packet."""
    talk = Talk().handshake().up("A", 100)
    others = [packet(second, udp("10.0.0.7", 5000 + second, "10.0.0.8", 53, data=b"x")) for second in range(2, 500)]
    stream = Stream(late_s)
    for found in track([*talk.packets, *others], Counts()):
        list(stream.feed(found))
    assert stream.late == late


def test_the_answer_is_the_same_for_any_order_of_other_flows() -> None:
    """A flow depends on its own packets and on the clock only."""
    talks = [
        Talk(port=port, starts=(port, 2 * port)).handshake().up("A", port).up("FA").down("FA") for port in range(1, 40)
    ]
    packets = [each for talk in talks for each in talk.packets]
    expected = {flow.uid: flow for flow in followed(sorted(packets, key=lambda each: each.time_ns))}
    for seed in range(3):
        shuffled = sorted(packets, key=lambda each: each.time_ns)
        by_time: dict[int, list[Packet]] = {}
        for each in shuffled:
            by_time.setdefault(each.time_ns, []).append(each)
        mixed = [each for group in by_time.values() for each in random.Random(seed).sample(group, len(group))]
        assert {flow.uid: flow for flow in followed(mixed)} == expected
