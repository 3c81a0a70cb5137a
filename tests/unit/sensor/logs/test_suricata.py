"""Flow events of eve.json, as Suricata writes them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sensor.flow import Flow
from sensor.kdd_record import record_of
from sensor.logs.no_flow import NoFlowError, OtherRecordError
from sensor.logs.suricata import read

EVENT: dict[str, Any] = {
    "timestamp": "2024-07-18T17:44:34.733915+0000",
    "flow_id": 1357088669212417,
    "in_iface": "ens4",
    "event_type": "flow",
    "src_ip": "10.0.0.72",
    "src_port": 14612,
    "dest_ip": "10.0.0.99",
    "dest_port": 443,
    "proto": "TCP",
    "app_proto": "tls",
    "community_id": "1:Z26DBGVYoBKQ1FT6qfPaAqBnJik=",
    "host": "border",
    "flow": {
        "pkts_toserver": 15,
        "pkts_toclient": 10,
        "bytes_toserver": 4269,
        "bytes_toclient": 1091,
        "start": "2024-07-18T17:42:38.368385+0000",
        "end": "2024-07-18T17:43:23.464600+0000",
        "age": 45,
        "state": "closed",
        "reason": "timeout",
        "alerted": False,
    },
    "tcp": {"tcp_flags": "1b", "tcp_flags_ts": "1b", "tcp_flags_tc": "1b", "syn": True, "fin": True, "state": "closed"},
}
SYN, ACK, PSH, FIN, RST = 0x02, 0x10, 0x08, 0x01, 0x04
OPEN, DATA = SYN | ACK, SYN | ACK | PSH


def flow(**changes: Any) -> Flow:
    found = read(json.dumps({**EVENT, **changes}))
    assert found is not None
    return found


def test_an_event_gives_a_flow() -> None:
    found = flow()
    assert (found.uid, found.protocol, found.state, found.application) == ("1357088669212417", "tcp", "SF", "tls")
    assert (found.source, found.source_port, found.destination, found.destination_port) == (
        "10.0.0.72",
        14612,
        "10.0.0.99",
        443,
    )
    assert found.started_s == 1721324558.368385
    assert found.duration_s == pytest.approx(45.096215, abs=1e-6)
    assert (found.source_packets, found.destination_packets) == (15, 10)
    assert (found.community_id, found.observer) == ("1:Z26DBGVYoBKQ1FT6qfPaAqBnJik=", "border")


def test_payload_is_what_remains_of_whole_packets() -> None:
    """Ethernet, IP and TCP have at least 54 bytes a packet. A VLAN tag adds 4."""
    found = flow()
    assert (found.source_bytes, found.destination_bytes) == (4269 - 15 * 54, 1091 - 10 * 54)
    assert {"src_bytes", "dst_bytes"} == set(record_of(found).approximate)
    assert flow(vlan=[7]).source_bytes == 4269 - 15 * 58


@pytest.mark.parametrize(
    ("sent", "received", "state", "is_certain"),
    [
        (SYN, 0, "S0", True),
        (SYN, RST | ACK, "REJ", True),
        (SYN | RST, OPEN, "RSTO", True),
        (SYN | RST, 0, "RSTOS0", True),
        (DATA, DATA | RST, "RSTR", True),
        (DATA | FIN, DATA | FIN, "SF", True),
        (DATA | FIN, DATA | FIN | RST, "SF", False),
        (DATA | RST, DATA | RST, "RSTR", False),
        (DATA, DATA, "S1", True),
        (DATA | FIN, DATA, "S2", True),
        (DATA, DATA | FIN, "S3", True),
        (SYN | FIN, 0, "SH", True),
        (0, OPEN | FIN, "SHR", True),
        (0, OPEN | RST, "RSTRH", True),
        (ACK | PSH, ACK | PSH, "OTH", True),
        (RST, ACK, "OTH", True),
    ],
)
def test_flags_of_both_sides_give_zeeks_state(sent: int, received: int, state: str, is_certain: bool) -> None:
    found = flow(tcp={"tcp_flags_ts": f"{sent:02x}", "tcp_flags_tc": f"{received:02x}"})
    assert found.state == state
    assert ("flag" not in found.approximate) is is_certain


def test_a_side_without_push_sent_no_data() -> None:
    """A SYN with options is longer than 54 bytes and still empty."""
    flags = {"tcp_flags_ts": "02", "tcp_flags_tc": "14"}
    sizes = {**EVENT["flow"], "pkts_toserver": 1, "bytes_toserver": 74, "pkts_toclient": 1, "bytes_toclient": 60}
    found = flow(tcp=flags, flow=sizes)
    assert (found.state, found.source_bytes, found.destination_bytes) == ("REJ", 0, 0)


@pytest.mark.parametrize(
    ("tcp", "answers", "state"),
    [
        ({"state": "established"}, 1, "S1"),
        ({"state": "closed"}, 1, "SF"),
        ({"state": "closed", "rst": True}, 1, ""),
        ({"state": "unknown"}, 1, ""),
        ({}, 0, "S0"),
        ({}, 4, ""),
    ],
)
def test_without_flags_the_state_is_approximate_or_unknown(tcp: dict[str, Any], answers: int, state: str) -> None:
    found = flow(tcp=tcp, flow={**EVENT["flow"], "pkts_toclient": answers})
    assert found.state == state
    record = record_of(found)
    assert "flag" in (record.approximate if state else record.unavailable)


@pytest.mark.parametrize(
    ("proto", "version", "service"), [("ICMP", "10.0.0.1", "eco_i"), ("IPv6-ICMP", "::1", "eco_i")]
)
def test_icmp_has_type_and_code(proto: str, version: str, service: str) -> None:
    kind = 8 if proto == "ICMP" else 128
    ports = {"src_port": None, "dest_port": None, "icmp_type": kind, "icmp_code": 0}
    found = flow(proto=proto, src_ip=version, dest_ip=version, tcp=None, **ports)
    assert record_of(found).connection.service == service


def test_udp_is_certain() -> None:
    found = flow(proto="UDP", tcp=None, flow={**EVENT["flow"], "pkts_toserver": 1, "bytes_toserver": 110})
    assert (found.state, found.source_bytes) == ("SF", 110 - 42)
    assert found.approximate == {"src_bytes", "dst_bytes"}


def test_addresses_get_their_short_form() -> None:
    found = flow(src_ip="fe80:0000:0000:0000:fada:0cff:fedc:87f1", dest_ip="ff02:0000:0000:0000:0000:0000:0001:0002")
    assert (found.source, found.destination) == ("fe80::fada:cff:fedc:87f1", "ff02::1:2")


def test_an_end_before_the_start_leaves_the_duration_unknown() -> None:
    """The clock was set back."""
    found = flow(flow={**EVENT["flow"], "end": "2024-07-18T17:00:00.000000+0000"})
    assert found.duration_s is None
    assert "duration" in record_of(found).unavailable


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"event_type": "alert"}, "the event_type is 'alert', not 'flow'"),
        ({"event_type": None}, "the event_type is None, not 'flow'"),
        ({"proto": "SCTP"}, "the protocol is 'SCTP', and KDD's are tcp, udp and icmp"),
    ],
)
def test_other_events_are_no_mistakes(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(OtherRecordError) as caught:
        flow(**changes)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"src_port": "http"}, "src_port is 'http', expected a whole number from 0 to 65535"),
        ({"dest_ip": None}, "dest_ip is missing"),
        ({"flow": None}, "flow.start is missing"),
        ({"flow": 7}, "flow is 7, expected an object"),
        ({"flow": {**EVENT["flow"], "bytes_toserver": -1}}, "flow.bytes_toserver is -1, expected a whole number"),
        ({"flow": {**EVENT["flow"], "start": "yesterday"}}, "flow.start is 'yesterday', expected seconds since 1970"),
        ({"tcp": {"tcp_flags_ts": "zz"}}, "tcp.tcp_flags_ts is 'zz', expected a hexadecimal number"),
    ],
)
def test_a_wrong_event_names_field_value_and_expectation(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(NoFlowError, match=message):
        flow(**changes)


@pytest.mark.parametrize("line", ['{"event_type":"flow","flow', "[1]", "12"])
def test_half_a_line_says_so(line: str) -> None:
    with pytest.raises(NoFlowError, match=r"not JSON, or half a line|the line is .*, expected an object"):
        read(line)


def test_a_blank_line_gives_nothing() -> None:
    assert read("  ") is None
