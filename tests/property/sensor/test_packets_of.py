"""Simulated connections as packets, followed by the tracker: the same connections come back."""

from __future__ import annotations

import tempfile
from itertools import chain, islice
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.kdd99.columns import COLUMNS, CONTENT
from sensor.capture.counts import Counts
from sensor.capture.files import read
from sensor.capture.ports import TCP_SERVERS, UDP_SERVERS
from sensor.capture.tracker import track
from sensor.capture.write import CaptureWriter
from sensor.connection import Connection
from sensor.draw import Draw
from sensor.flow import Flow
from sensor.kdd_record import record_of
from sensor.network import segments
from sensor.packets_of import write_capture
from sensor.scenarios import ATTACKS
from sensor.scenarios.normal import ACTIVITIES

PLAYS = {**{attack.name: attack.play for attack in ATTACKS}, **{name: play for name, (play, _) in ACTIVITIES.items()}}
HERE = segments(["alpha"])[0]
KNOWN = [name for name in COLUMNS[:22] if name not in CONTENT]
LAST_S = 1_780_000_000.25


def captured(connections: list[Connection]) -> list[Flow]:
    """What a capture of connections gives. Single ICMP messages, without their exchange."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "made.pcap"
        with CaptureWriter(path) as capture:
            packets = write_capture(capture, connections, last_s=LAST_S)
        counts = Counts()
        flows = list(chain.from_iterable(track(read([path], counts), counts)))
    assert counts.packets == packets
    assert not counts.left_out
    return [flow for flow in flows if not flow.has_messages]


def looks_like_an_answer(connection: Connection) -> bool:
    """Without a SYN, the side with the port of a server seems to be the other one, as for Zeek."""
    if connection.protocol_type == "tcp":
        return connection.flag == "SH" and connection.source_port in TCP_SERVERS
    return connection.source_port in UDP_SERVERS and connection.destination_port not in UDP_SERVERS


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(PLAYS)), st.integers(0, 10**6), st.integers(0, 40))
def test_each_connection_of_a_scenario_comes_back_from_its_packets(name: str, seed: int, skipped: int) -> None:
    """Its own columns, all but the content; both machines; and when it began."""
    played = list(islice(PLAYS[name](Draw(np.random.SeedSequence(seed)), HERE, 5.125), skipped, skipped + 5))
    for connection in played:
        if looks_like_an_answer(connection):
            continue
        (flow,) = captured([connection])
        found = record_of(flow).connection
        assert known(found) == known(connection), connection
        began_s = LAST_S - (connection.ended_s - connection.started_s)
        assert abs(found.started_s - began_s) < 1e-3  # a datagram is there when its last fragment is
        assert 0 <= (flow.duration_s or 0) - connection.duration < (0.1 if not connection.duration else 1e-9)


def known(connection: Connection) -> dict[str, object]:
    own = dict(zip(COLUMNS, connection.own_columns(), strict=False))
    ends = (connection.source, connection.source_port, connection.destination, connection.destination_port)
    return {**{name: own[name] for name in KNOWN}, "ends": ends}


def test_packets_of_many_connections_are_in_the_order_of_their_times() -> None:
    """Each connection keeps its distance from the last end, also one that is open during the others."""
    day = [play(Draw(np.random.SeedSequence(number)), HERE, 7.0) for number, play in enumerate(PLAYS.values())]
    connections = list(chain.from_iterable(islice(each, 20) for each in day))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "made.pcap"
        with CaptureWriter(path) as capture:
            write_capture(capture, connections, last_s=LAST_S)
        packets = list(read([path], Counts()))
    times = [packet.time_ns for packet in packets]
    assert times == sorted(times)
    first_s = min(connection.started_s for connection in connections)
    ended_s = max(connection.ended_s for connection in connections)
    assert abs(times[0] / 1e9 - (LAST_S - ended_s + first_s)) < 1e-6
    assert max(len(packet.data) for packet in packets) <= 1514
    assert max(packet.length for packet in packets) > 1514
