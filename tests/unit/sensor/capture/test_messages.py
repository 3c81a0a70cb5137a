"""UDP and ICMP."""

from __future__ import annotations

import pytest

from sensor.capture.write import icmp, udp
from tests.unit.sensor.capture.making import followed, packet

A, B = "10.0.0.1", "10.0.0.2"


def question(port: int = 5000, to: int = 7000, size: int = 10) -> bytes:
    return udp(A, port, B, to, data=bytes(size))


def answer(port: int = 5000, to: int = 7000, size: int = 20) -> bytes:
    return udp(B, to, A, port, data=bytes(size))


def test_datagrams_of_both_sides_are_one_flow() -> None:
    (flow,) = followed([packet(0, question()), packet(0.5, answer()), packet(1.25, question(size=1))])
    assert (flow.protocol, flow.source, flow.source_port, flow.destination_port) == ("udp", A, 5000, 7000)
    assert (flow.state, flow.history, flow.duration_s) == ("SF", "Dd", 1.25)
    assert (flow.source_bytes, flow.destination_bytes) == (11, 20)
    assert (flow.source_packets, flow.destination_packets) == (2, 1)


def test_a_question_without_an_answer_is_s0() -> None:
    (flow,) = followed([packet(0, question())])
    assert (flow.state, flow.history, flow.duration_s) == ("S0", "D", 0.0)


def test_an_answer_without_a_question_is_turned_by_the_likely_server_port() -> None:
    (flow,) = followed([packet(0, answer(to=53))])
    assert (flow.state, flow.history, flow.source, flow.destination_port) == ("SHR", "^d", A, 53)


def test_two_server_ports_and_broadcasts_are_not_turned() -> None:
    (both,) = followed([packet(0, udp(A, 53, B, 123))])
    assert (both.source, both.source_port) == (A, 53)
    (broadcast,) = followed([packet(0, udp(A, 67, "255.255.255.255", 68))])
    assert (broadcast.source, broadcast.source_port) == (A, 67)


@pytest.mark.parametrize(("pause_s", "flows"), [(59.9, 1), (60, 2)])
def test_udp_ends_after_a_minute_of_silence(pause_s: float, flows: int) -> None:
    assert len(followed([packet(0, question()), packet(pause_s, question())])) == flows


@pytest.mark.parametrize(
    ("times", "flows"),
    [((0, 0.1, 9.9), 1), ((0, 0.1, 10), 2), ((0, 2, 10, 19.9), 1), ((0, 2, 10, 20), 2)],
)
def test_dns_ends_at_a_look_every_ten_seconds(times: tuple[float, ...], flows: int) -> None:
    """It must have been quiet for nine seconds then. An old resolver asks everything from one port."""
    assert len(followed([packet(at, question(to=53)) for at in times])) == flows


def test_echo_requests_and_replies_are_one_flow_and_each_message_is_one_before() -> None:
    request, reply = icmp(A, B, kind=8, data=bytes(56)), icmp(B, A, kind=0, data=bytes(40))
    *messages, flow = followed([packet(0, request), packet(0.5, reply), packet(1, request)])
    assert (flow.protocol, flow.source, flow.source_port, flow.destination_port) == ("icmp", A, 8, 0)
    assert (flow.state, flow.duration_s, flow.source_bytes, flow.destination_bytes) == ("OTH", 1.0, 112, 40)
    assert flow.has_messages
    assert flow.message_of == ""
    assert [(each.source, each.source_port, each.source_bytes, each.destination_bytes) for each in messages] == [
        (A, 8, 56, 0),
        (B, 0, 40, 0),
        (A, 8, 56, 0),
    ]
    assert [each.started_s - flow.started_s for each in messages] == [0.0, 0.5, 1.0]
    assert {each.message_of for each in messages} == {flow.uid}
    assert len({each.uid for each in messages} | {flow.uid}) == 4
    assert [each.duration_s for each in messages] == [0.0, 0.0, 0.0]


def test_messages_without_an_answer_have_type_and_code_as_ports() -> None:
    unreachable = icmp(B, A, kind=3, code=1, data=bytes(28))
    _, flow = followed([packet(0, unreachable)])
    assert (flow.source, flow.source_port, flow.destination_port) == (B, 3, 1)
    other_way = icmp(A, B, kind=3, code=1, data=bytes(28))
    flows = [each for each in followed([packet(0, unreachable), packet(1, other_way)]) if each.has_messages]
    assert len(flows) == 2


def test_icmp_of_ipv6_is_icmp() -> None:
    ends = "2001:db8::1", "2001:db8::2"
    solicit, advert = icmp(*ends, kind=135, data=bytes(16)), icmp(*ends[::-1], kind=136, data=bytes(16))
    flow = followed([packet(0, solicit), packet(1, advert)])[-1]
    assert (flow.protocol, flow.source_port, flow.destination_port) == ("icmp", 135, 136)
    assert (flow.source_bytes, flow.destination_bytes) == (16, 16)


@pytest.mark.parametrize(("pause_s", "flows"), [(59.9, 1), (60, 2)])
def test_icmp_ends_after_a_minute_of_silence(pause_s: float, flows: int) -> None:
    request = icmp(A, B, kind=8)
    found = followed([packet(0, request), packet(pause_s, request)])
    assert sum(flow.has_messages for flow in found) == flows
