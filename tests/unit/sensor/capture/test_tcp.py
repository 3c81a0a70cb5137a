"""TCP: the state at the end, bytes, history, direction and timers, as Zeek has them."""

from __future__ import annotations

import pytest

from sensor.capture.counts import Counts
from sensor.capture.tcp.endpoint import MAX_PIECES, Endpoint
from sensor.capture.tracker import Tracker
from sensor.capture.write import ACK, FIN, RST, SYN, URG, tcp
from tests.unit.sensor.capture.making import CLIENT, SECOND_NS, SERVER, Talk, followed, packet


def talk() -> Talk:
    return Talk()


STATES = {
    "S0": (Talk().up("S"), "S", (0, 0)),
    "S1": (Talk().handshake().up("A", 10).down("A", 20), "ShADd", (10, 20)),
    "SF": (Talk().handshake().up("A", 10).down("A", 20).up("FA").down("FA").up("A"), "ShADdFf", (10, 20)),
    "REJ": (Talk().up("S").down("RA"), "Sr", (0, 0)),
    "S2": (Talk().handshake().up("A", 10).down("A").up("FA").down("A"), "ShADaF", (10, 0)),
    "S3": (Talk().handshake().down("A", 10).down("FA").up("A"), "ShAdf", (0, 10)),
    "RSTO": (Talk().handshake().up("A", 10).down("A").up("R"), "ShADaR", (10, 0)),
    "RSTR": (Talk().handshake().up("A", 10).down("R"), "ShADr", (10, 0)),
    "RSTOS0": (Talk().up("S").up("R"), "SR", (0, 0)),
    "RSTRH": (Talk(server_port=80).down("SA").down("R"), "^hr", (0, 0)),
    "SH": (Talk().up("S").up("F"), "SF", (0, 0)),
    "SHR": (Talk().down("SA").down("FA"), "^hf", (0, 0)),
    "OTH": (Talk().up("A", 10).down("A", 10), "Dd", (10, 10)),
}


@pytest.mark.parametrize("state", STATES)
def test_the_state_is_zeeks_conn_state(state: str) -> None:
    made, history, sizes = STATES[state]
    flow = made.flow()
    assert (flow.state, flow.history, (flow.source_bytes, flow.destination_bytes)) == (state, history, sizes)


HOSTILE = {
    "SYN again": (Talk().up("S", moves=False).up("S", after_s=1), "S0", (0, 0)),
    "SYN again, then answered": (
        Talk().up("S", moves=False).up("S", after_s=1).down("SA").up("A").up("A", 10).down("A"),
        "S1",
        (10, 0),
    ),
    "answer to the SYN again": (
        Talk().up("S").down("SA", moves=False).down("SA").up("A").up("A", 10).down("A", 5),
        "S1",
        (10, 5),
    ),
    "data on the SYN": (Talk().up("S", 20).down("SA").up("A"), "S1", (20, 0)),
    "keep-alive": (Talk().handshake().up("A", 10).down("A").lose(0, -1).up("A", 1).down("A"), "S1", (10, 0)),
    "half of the data again": (Talk().handshake().up("A", 10).lose(0, -5).up("A", 10).down("A"), "S1", (15, 0)),
    "gap without an ACK": (Talk().handshake().up("A", 10).lose(0, 100).up("A", 10), "S1", (120, 0)),
    "jumbo": (Talk().handshake().up("A", 8960).down("A", 60_000).up("FA").down("FA"), "SF", (8960, 60_000)),
    "FIN with data": (Talk().handshake().up("FA", 10).down("A", 5).down("FA", 7), "SF", (10, 12)),
    "FIN again": (Talk().handshake().up("FA", moves=False).up("FA").down("FA").up("A"), "SF", (0, 0)),
    "only the server's FIN, again": (Talk().handshake().down("A", 8).down("FA", moves=False).down("FA"), "S3", (0, 8)),
    "RST of both after the end": (
        Talk().handshake().up("A", 10).down("A").up("FA").down("FA").up("A").down("R").up("R"),
        "SF",
        (10, 0),
    ),
    "FIN, then RST of the server": (Talk().handshake().up("FA").down("RA"), "RSTR", (0, 0)),
    "FIN of the server, then RST": (Talk().handshake().down("FA").up("RA"), "RSTO", (0, 0)),
    "RST of both without data": (Talk().handshake().down("RA").up("R"), "REJ", (0, 0)),
    "RST of both with data": (Talk().handshake().up("A", 9).down("RA").up("R"), "RSTR", (9, 0)),
    "only the client was captured": (Talk().up("S").up("A").up("A", 30).up("FA"), "SH", (30, 0)),
    "only the server was captured": (Talk().down("SA").down("A", 40).down("FA"), "SHR", (0, 40)),
    "ACK scan": (Talk(server_port=1234).up("A").down("R"), "RSTRH", (0, 0)),
}
"""Zeek's rules: `conn_state` of scripts/base/protocols/conn/main.zeek, bytes by sequence numbers."""


@pytest.mark.parametrize("kind", HOSTILE)
def test_an_unusual_connection_has_zeeks_state_and_bytes(kind: str) -> None:
    made, state, sizes = HOSTILE[kind]
    flow = made.flow()
    assert (flow.state, (flow.source_bytes, flow.destination_bytes)) == (state, sizes)


def test_a_scan_with_fin_is_answered_with_a_reset() -> None:
    """No SYN: the originator closed, the responder reset."""
    assert Talk(server_port=1234).up("F").down("RA").flow().state == "RSTR"


def test_a_normal_end_with_a_reset_after_both_fins_is_finished() -> None:
    assert talk().handshake().up("FA").down("FA").up("R").flow().state == "SF"


def test_a_fin_then_a_reset_then_the_other_fin_is_finished() -> None:
    assert talk().handshake().up("FA").up("R").down("FA").flow().state == "SF"


def test_a_retransmission_counts_once() -> None:
    made = talk().handshake().up("A", 100, moves=False).up("A", 100, moves=False).up("A", 100).down("A")
    flow = made.up("FA").down("FA").flow()
    assert (flow.source_bytes, flow.source_packets, flow.history) == (100, 6, "ShADTaFf")


def test_packets_that_the_capture_misses_count() -> None:
    """Zeek counts sequence numbers, not packets. An ACK of what is missing makes it a gap."""
    flow = talk().handshake().lose(1, 5000).down("A", 100).up("A").up("FA").down("FA").flow()
    assert (flow.destination_bytes, flow.history) == (5100, "ShAdgFf")


def test_packets_in_the_wrong_order_are_no_gap() -> None:
    made = talk().handshake().up("A", 10).up("A", 10).down("A").up("FA").down("FA")
    made.packets[3:5] = [
        packet(0.04, made.packets[4].data),
        packet(0.05, made.packets[3].data),
    ]
    flow = made.flow()
    assert (flow.source_bytes, flow.state, flow.history) == (20, "SF", "ShADTaFf")


def test_sequence_numbers_may_begin_again_at_0() -> None:
    made = Talk(starts=(0xFFFFFF00, 0xFFFFFFFF)).handshake()
    for _ in range(10):
        made.up("A", 1000).down("A", 100)
    flow = made.up("FA").down("FA").up("A").flow()
    assert (flow.state, flow.source_bytes, flow.destination_bytes) == ("SF", 10_000, 1000)


def test_more_than_four_gigabytes_are_counted() -> None:
    made = talk().handshake()
    for _ in range(5):
        made.lose(0, 1_000_000_000).up("A", 1).down("A")
    assert made.up("FA").down("FA").flow().source_bytes == 5_000_000_005


def sent(*, flags: int, sequence: int, acknowledged: int = 0, data: bytes = b"") -> bytes:
    """A packet of the client that no `Talk` would send."""
    return tcp(CLIENT, 40_000, SERVER, 80, flags=flags, sequence=sequence, acknowledged=acknowledged, data=data)


def test_numbers_that_cannot_be_true_are_not_believed() -> None:
    """A RST far away, an ACK of 0, and data after a RST."""
    made = Talk(starts=(0xF000_0000, 0xF000_0000)).handshake().up("A", 10).down("A", 20)
    start = 0xF000_0000
    strange = [
        sent(flags=ACK, sequence=start + 11),
        sent(flags=RST, sequence=start + 5_000_000),
        sent(flags=ACK, sequence=start + 11, acknowledged=start + 21, data=bytes(100)),
    ]
    (flow,) = followed([*made.packets, *(packet(1 + number, data) for number, data in enumerate(strange))])
    assert (flow.state, flow.source_bytes, flow.destination_bytes) == ("RSTO", 10, 20)


def test_a_fin_tells_the_bytes_of_a_long_connection_of_which_only_syn_and_fin_are_seen() -> None:
    """3 GB: by its distance the FIN would seem to be an old packet."""
    fin = sent(flags=FIN | ACK, sequence=1001 + 3_000_000_000, acknowledged=9001)
    made = Talk().up("S").down("SA")
    (flow,) = followed([*made.packets, packet(60, fin)])
    assert flow.source_bytes == 3_000_000_000


def test_an_ack_before_the_answer_to_a_syn_does_no_harm() -> None:
    assert Talk().up("S").down("A").down("SA").up("A").flow().state == "S1"


def test_a_connection_of_which_only_the_syn_is_missing_is_established() -> None:
    flow = Talk().down("SA").up("A").up("A", 10).flow()
    assert (flow.state, flow.source, flow.history) == ("S1", CLIENT, "^hAD")


def test_an_answer_after_a_forged_reset_begins_again() -> None:
    """The numbers of the RST mean nothing."""
    made = Talk().handshake()
    forged = tcp(SERVER, 80, CLIENT, 40_000, flags=RST, sequence=77)
    (flow,) = followed([made.packets[0], packet(0.015, forged), *made.packets[1:]])
    assert (flow.state, flow.destination_bytes) == ("REJ", 0)


def test_a_repeated_answer_begins_the_count_again_and_an_ack_restores_it() -> None:
    made = Talk().handshake().down("A", 100)
    again = packet(1, made.packets[1].data)
    assert followed([*made.packets, again])[0].destination_bytes == 0
    acks = packet(2, sent(flags=ACK, sequence=1001, acknowledged=9101))
    assert followed([*made.packets, again, acks])[0].destination_bytes == 100


def test_an_unasked_answer_with_other_numbers_begins_the_count_again() -> None:
    first, second = (tcp(SERVER, 30_000, CLIENT, 1, flags=SYN | ACK, sequence=number) for number in (9000, 9500))
    (flow,) = followed([packet(0, first), packet(1, second)])
    assert (flow.source, flow.source_bytes, flow.history) == (SERVER, 0, "H")


def test_data_before_its_syn_is_in_the_wrong_order() -> None:
    data, syn = sent(flags=ACK, sequence=1001, data=b"x"), sent(flags=SYN, sequence=1000)
    (flow,) = followed([packet(0, data), packet(1, syn)])
    assert (flow.state, flow.history) == ("S0", "DS")


def test_a_half_open_connection_that_is_discovered_has_no_bytes() -> None:
    """The server answers a SYN with an ACK of an older connection, so the client resets it."""
    old = tcp(SERVER, 80, CLIENT, 40_000, flags=ACK, sequence=5, acknowledged=500_000)
    packets = [sent(flags=SYN, sequence=1000), old, sent(flags=RST, sequence=500_000)]
    (flow,) = followed([packet(number, data) for number, data in enumerate(packets)])
    assert (flow.state, flow.source_bytes, flow.destination_bytes) == ("RSTOS0", 0, 0)


def test_an_end_waits_for_the_ack_of_the_other_sides_data() -> None:
    """The server's FIN acknowledges nothing, and the client's end comes first: as in Zeek, the server's is lost."""
    made = Talk().handshake().up("A", 10)
    fin = tcp(SERVER, 80, CLIENT, 40_000, flags=FIN | ACK, sequence=9001, acknowledged=1001)
    end = sent(flags=FIN | ACK, sequence=1011, acknowledged=9002)
    acks = tcp(SERVER, 80, CLIENT, 40_000, flags=ACK, sequence=9002, acknowledged=1012)
    (flow,) = followed([*made.packets, packet(1, fin), packet(2, end), packet(3, acks), packet(4, acks)])
    assert flow.state == "SF"
    assert flow.duration_s == pytest.approx(3.99)


def test_the_history_is_bounded() -> None:
    resets = [packet(number / 1000, sent(flags=RST, sequence=number)) for number in range(3000)]
    (flow,) = followed(resets)
    assert (len(flow.history), flow.source_packets) == (1000, 3000)


def test_pieces_beyond_a_gap_are_bounded() -> None:
    side = Endpoint()
    side.begin(0, 0)
    side.move_acked(5)  # something was acknowledged
    for number in range(5000):
        side.add(10 + 2 * number, 1)
        assert len(side.pieces or ()) <= MAX_PIECES
    unacknowledged = Endpoint()
    unacknowledged.add(10, 1)
    unacknowledged.add(20_000, 1)
    assert unacknowledged.pieces is None


def test_the_same_ports_again_are_another_connection() -> None:
    first = talk().handshake().up("A", 10).up("FA").down("FA")
    second = Talk(starts=(70_000, 80_000)).quiet(1).handshake().up("A", 20)
    flows = followed([*first.packets, *second.packets])
    assert [(flow.state, flow.source_bytes) for flow in flows] == [("SF", 10), ("S1", 20)]
    assert len({flow.uid for flow in flows}) == 2


def test_two_connections_at_the_same_time_have_ids_of_their_own() -> None:
    """A SYN with another number in the same nanosecond."""
    syns = [tcp(CLIENT, 1, SERVER, 80, flags=SYN, sequence=sequence) for sequence in (1, 70, 900)]
    flows = followed([packet(0, syn) for syn in syns])
    assert len({flow.uid for flow in flows}) == 3


def test_a_connection_that_began_before_the_capture_is_turned_by_its_server_port() -> None:
    """The server's packet is the first; port 80 is a likely server, port 40000 is none."""
    flow = talk().down("A", 10).up("A", 5).flow()
    assert (flow.source, flow.destination_port, flow.source_bytes, flow.destination_bytes) == (CLIENT, 80, 5, 10)
    assert flow.history == "^dD"


def test_without_a_likely_server_port_the_first_packet_tells_who_began() -> None:
    flow = Talk(server_port=30_000).down("A", 10).up("A", 5).flow()
    assert (flow.source, flow.source_port, flow.destination_port) == (SERVER, 30_000, 40_000)


def test_an_answer_whose_syn_is_missing_is_turned_by_the_ack_after_it() -> None:
    """No likely server port: a SYN with ACK may be a scan, until data or an ACK shows that it is none."""
    flow = Talk(server_port=30_000).down("SA").up("A").up("A", 10).flow()
    assert (flow.source, flow.destination_port, flow.history) == (CLIENT, 30_000, "^hAD")


def test_a_syn_after_its_answer_is_in_the_wrong_order() -> None:
    made = Talk(server_port=30_000).up("S").down("SA").up("A")
    made.packets[:2] = [packet(0.01, made.packets[1].data), packet(0.02, made.packets[0].data)]
    flow = made.flow()
    assert (flow.source, flow.state) == (CLIENT, "S1")


def test_a_host_that_talks_to_itself_has_one_side() -> None:
    """KDD's `land`."""
    syn = tcp(SERVER, 80, SERVER, 80, flags=SYN, sequence=5)
    (flow,) = followed([packet(0, syn)])
    assert (flow.source, flow.source_port) == (flow.destination, flow.destination_port)
    assert flow.state == "S0"


def test_urgent_packets_are_counted() -> None:
    made = talk().handshake()
    urgent = tcp(CLIENT, 40_000, SERVER, 80, flags=ACK | URG, sequence=1001, acknowledged=9001, data=b"!")
    (flow,) = followed([*made.packets, packet(1, urgent), packet(2, urgent)])
    assert flow.urgent == 2


def test_damaged_options_do_not_hide_a_packet() -> None:
    """Options that are cut off: the fixed part of the header is enough."""
    syn = tcp(CLIENT, 1, SERVER, 80, flags=SYN, sequence=1, data=bytes(20))
    whole = packet(0, syn[:32] + b"\xa0" + syn[33:])
    (flow,) = followed([whole._replace(data=whole.data[:40])])
    assert (flow.state, flow.source_bytes) == ("S0", 0)


@pytest.mark.parametrize(
    ("made", "pause_s", "ends"),
    [
        (Talk().up("S"), 5, True),  # tcp_attempt_delay
        (Talk().up("S"), 4.9, False),
        (Talk().handshake().up("FA").down("FA"), 5, True),  # tcp_close_delay
        (Talk().handshake().up("FA").down("FA"), 4.9, False),
        (Talk().handshake().up("R"), 5, True),  # RST: tcp_close_delay
        (Talk().handshake().up("R"), 4.9, False),
        (Talk().handshake(), 299, False),  # tcp_inactivity_timeout
        (Talk().handshake(), 300, True),
        (Talk(server_port=22).handshake(), 3599, False),  # port_inactivity_timeouts
        (Talk(server_port=22).handshake(), 3600, True),
        (Talk().handshake().up("FA").down("A"), 299, False),  # half closed: idle time
        (Talk().up("S").up("F"), 20, True),  # one side closed, nothing of the other: tcp_connection_linger
    ],
)
def test_a_connection_ends_when_its_timer_runs_out(made: Talk, pause_s: float, ends: bool) -> None:
    """The next packet of the capture moves the clock: of this connection, with the timer over it is another one."""
    at_ns = made.packets[-1].time_ns + round(pause_s * SECOND_NS)
    source_port, server_port = made.ends[1], made.ends[3]
    after = tcp(CLIENT, source_port, SERVER, server_port, flags=ACK, sequence=50_000, acknowledged=50_000)
    flows = followed([*made.packets, packet(0, after)._replace(time_ns=at_ns)])
    assert len(flows) == (2 if ends else 1)


@pytest.mark.parametrize(
    ("reset_at_s", "over_at_s"),
    [
        (0.1, 5.2),  # first look 5 s after the first packet (tcp_SYN_timeout), quiet for 5 s (tcp_connection_linger)
        (1.0, 6.2),  # too early then; another look 6 s after the FIN (tcp_session_timer)
        (4.0, 11.2),  # too early for both; the next look is 6 s after the first one
    ],
)
def test_a_side_that_closed_and_then_reset_is_over_at_a_look_when_quiet(reset_at_s: float, over_at_s: float) -> None:
    made = talk().handshake().up("FA")
    reset = tcp(CLIENT, 40_000, SERVER, 80, flags=RST, sequence=1002)
    tracker = Tracker(Counts(), 10)
    for each in [*made.packets, packet(reset_at_s, reset)]:
        tracker.take(each)
    ticks = (tick / 5 for tick in range(1, 1000) if tick / 5 > reset_at_s)
    for tick_s in ticks:
        tracker.take(packet(tick_s, b""))
        if tracker.over:
            break
    assert tick_s == pytest.approx(over_at_s)
    assert tracker.over[0].state == "RSTO"


def test_a_reset_with_data_missing_before_it_waits_for_the_data() -> None:
    """The server closed, the client reset; nobody knows whether more of its data comes."""
    made = talk().handshake().down("FA").lose(0, 100).up("R")
    late = packet(20, sent(flags=ACK, sequence=1001, acknowledged=9002, data=bytes(100)))
    (flow,) = followed([*made.packets, late])
    assert flow.state == "RSTO"
    assert flow.duration_s == pytest.approx(19.99)


def test_a_syn_again_after_the_attempt_timed_out_is_another_attempt() -> None:
    syn = tcp(CLIENT, 1, SERVER, 81, flags=SYN, sequence=1)
    flows = followed([packet(at, syn) for at in (0, 1, 3, 7, 15)])
    assert [(flow.state, flow.source_packets, flow.duration_s) for flow in flows] == [
        ("S0", 3, 3.0),
        ("S0", 1, 0.0),
        ("S0", 1, 0.0),
    ]


def test_packets_after_the_end_do_not_make_it_longer() -> None:
    made = talk().handshake().up("FA").down("FA")
    ended = made.packets[-1].time_ns - made.packets[0].time_ns
    flow = made.up("A", after_s=1).down("A", after_s=1).flow()
    assert flow.duration_s == ended / 1e9
    assert flow.source_packets == 4


def test_the_end_waits_for_data_that_is_missing_before_it() -> None:
    """A FIN whose data is not complete: packets make the connection longer until the data is acknowledged."""
    made = talk().handshake().up("FA").lose(1, 100).down("FA")
    old = tcp(CLIENT, 40_000, SERVER, 80, flags=ACK, sequence=1002, acknowledged=9001)
    acks = tcp(CLIENT, 40_000, SERVER, 80, flags=ACK, sequence=1002, acknowledged=9102)
    (flow,) = followed([*made.packets, packet(2, old), packet(3, acks), packet(4, acks)])
    assert flow.duration_s == pytest.approx(2.99)  # the ACK of all data closes it; what comes later does not count


def test_a_reset_of_an_unknown_connection_is_turned_to_its_server() -> None:
    reset = tcp(SERVER, 80, CLIENT, 40_000, flags=RST | ACK)
    (flow,) = followed([packet(0, reset)])
    assert (flow.state, flow.source) == ("RSTRH", CLIENT)
