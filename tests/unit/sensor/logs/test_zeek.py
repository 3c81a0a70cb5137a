"""Lines of conn.log, as Zeek writes them."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from sensor.kdd_record import record_of
from sensor.logs.no_flow import NoFlowError, OtherRecordError
from sensor.logs.zeek import ConnLog

NAMES = [
    *("ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "proto", "service", "duration", "orig_bytes"),
    *("resp_bytes", "conn_state", "local_orig", "local_resp", "missed_bytes", "history", "orig_pkts", "orig_ip_bytes"),
    *("resp_pkts", "resp_ip_bytes", "tunnel_parents", "ip_proto"),
]
HEADER = ["#separator \\x09", "#set_separator\t,", "#empty_field\t(empty)", "#unset_field\t-", "#path\tconn"]
HEADER += ["#open\t2026-03-04-05-06-07", "#fields\t" + "\t".join(NAMES), "#types\ttime\tstring\taddr"]
WEB = (
    "1547188415.857497 CAcJw21BbVedgFnYH3 192.168.86.167 38339 192.168.86.1 80 tcp http 1.976967 75 178 SF T T 0 "
    "ShADadFf 6 403 4 390 - 6"
)
PING = "1547188416.5 Cping1 10.0.0.9 8 10.0.0.1 0 icmp - - - - OTH - - 0 - 1 28 0 0 - 1"
DHCP = "1547188416.5 Cdhcp1 128.2.6.97 68 128.2.6.152 67 udp dhcp - - - SHR F F 0 ^d 0 0 1 395 - 17"
SYN = "1547188416.5 Csyn01 10.0.0.9 4000 10.0.0.1 80 tcp - - - - S0 - - 0 S 1 60 0 0 - 6"


def tsv(line: str) -> str:
    return line.replace(" ", "\t")


def log(*header: str) -> ConnLog:
    found = ConnLog()
    assert [found.read(line) for line in header or HEADER] == [None] * len(header or HEADER)
    return found


def test_a_line_of_tsv_gives_a_flow() -> None:
    flow = log().read(tsv(WEB))
    assert flow is not None
    assert (flow.uid, flow.started_s, flow.duration_s) == ("CAcJw21BbVedgFnYH3", 1547188415.857497, 1.976967)
    assert (flow.source, flow.source_port, flow.destination, flow.destination_port) == (
        "192.168.86.167",
        38339,
        "192.168.86.1",
        80,
    )
    assert (flow.protocol, flow.state, flow.source_bytes, flow.destination_bytes) == ("tcp", "SF", 75, 178)
    assert (flow.source_packets, flow.destination_packets, flow.application) == (6, 4, "http")
    assert (flow.history, flow.original, flow.approximate) == ("ShADadFf", tsv(WEB), frozenset())


@pytest.mark.parametrize("ts", [1547188415.857497, "2019-01-11T06:33:35.857497Z", "1547188415.857497"])
def test_json_has_the_time_as_a_number_or_in_iso_8601(ts: object) -> None:
    record = {"ts": ts, "uid": "C1", "id.orig_h": "fe80::1%eth0", "id.orig_p": "38339", "id.resp_h": "FE80:0::2"}
    record |= {"id.resp_p": 53, "proto": "udp", "orig_bytes": 75, "resp_bytes": 178, "conn_state": "SF"}
    flow = ConnLog().read(json.dumps(record))
    assert flow is not None
    assert flow.started_s == 1547188415.857497
    assert (flow.source, flow.destination) == ("fe80::1", "fe80::2")
    assert flow.source_port == 38339


def test_milliseconds_are_seen_by_their_size() -> None:
    """Zeek's JSON::TS_MILLIS."""
    record = {"ts": 1547188415857, "uid": "C1", "id.orig_h": "10.0.0.1", "id.orig_p": 1, "id.resp_h": "10.0.0.2"}
    flow = ConnLog().read(json.dumps({**record, "id.resp_p": 53, "proto": "udp"}))
    assert flow is not None
    assert flow.started_s == 1547188415.857


@pytest.mark.parametrize(
    ("line", "sent", "received"),
    [(PING, 0, 0), (DHCP, 0, 367), (SYN, 0, 0), (SYN.replace("0 S 1", "0 SD 1"), 20, 0)],
    ids=["ping", "dhcp", "syn", "syn with data"],
)
def test_a_single_packet_has_the_payload_of_its_ip_packet(line: str, sent: int, received: int) -> None:
    """Zeek leaves `duration` and the bytes out there."""
    flow = log().read(tsv(line))
    assert flow is not None
    assert (flow.duration_s, flow.source_bytes, flow.destination_bytes) == (0.0, sent, received)
    assert flow.approximate == ({"src_bytes"} if sent == 20 else frozenset())


def test_nmaps_empty_ping_has_kdds_8_bytes() -> None:
    flow = log().read(tsv(PING))
    assert flow is not None
    record = record_of(flow)
    assert (record.connection.service, record.connection.src_bytes, record.connection.flag) == ("eco_i", 8, "SF")
    assert record.approximate == ()


def test_a_header_in_the_middle_changes_the_fields() -> None:
    """Files that were rotated are often put together again."""
    conn = log()
    whole = conn.read(tsv(WEB))
    assert whole is not None
    other = ["proto", *(name for name in NAMES if name not in ("proto", "tunnel_parents"))]
    conn.read("#fields\t" + "\t".join(other))
    values = dict(zip(NAMES, WEB.split(), strict=True))
    moved = "\t".join(values[name] for name in other)
    assert conn.read(moved) == replace(whole, original=moved)


def test_the_header_says_separator_and_unset_field() -> None:
    conn = log("#separator ,", "#unset_field,NULL", "#empty_field,EMPTY", "#path,conn", "#fields," + ",".join(NAMES))
    line = DHCP.replace(" - ", " NULL ").replace(" - ", " NULL ").replace("dhcp ", "EMPTY ").replace(" ", ",")
    flow = conn.read(line)
    assert flow is not None
    assert (flow.application, flow.duration_s, flow.destination_bytes) == ("", 0.0, 367)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (tsv(WEB)[:60], r"it has 5 columns and the header 22: half a line"),
        (tsv(WEB.replace("38339", "http")), r"id.orig_p is 'http', expected a whole number from 0 to 65535"),
        (tsv(WEB.replace("38339", "70000")), r"id.orig_p is '70000', expected a whole number from 0 to 65535"),
        (tsv(WEB.replace("192.168.86.1 ", "router ")), r"id.resp_h is 'router', expected an IP address"),
        (tsv(WEB.replace("1547188415.857497", "XXXX.XX")), r"ts is 'XXXX.XX', expected seconds since 1970 or a time"),
        (tsv(WEB.replace("1547188415.857497", "-")), r"ts is missing, and a flow needs it"),
        (tsv(WEB.replace(" 75 ", " -75 ")), r"orig_bytes is '-75', expected a whole number from 0 to"),
        (tsv(WEB.replace("1.976967", "-1.5")), r"duration is '-1.5', expected a number of seconds from 0 on"),
        (tsv(WEB.replace("1.976967", "nan")), r"duration is 'nan', expected a number of seconds from 0 on"),
        ('{"ts": 1547188415.8, "uid": "C1", "id.orig', r"not JSON, or half a line"),
        ('{"ts": 1547188415.8, "uid": "C1"}', r"id.orig_h is missing"),
        (
            '{"ts":1,"uid":5,"id.orig_h":"::1","id.orig_p":1,"id.resp_h":"::1","id.resp_p":1,"proto":"udp"}',
            r"uid is 5, expected text",
        ),
    ],
)
def test_a_wrong_line_names_field_value_and_expectation(line: str, message: str) -> None:
    with pytest.raises(NoFlowError, match=message):
        log().read(line)


def test_the_reason_is_the_same_for_lines_with_the_same_problem() -> None:
    reasons = set()
    for port in ("http", "https"):
        with pytest.raises(NoFlowError) as caught:
            log().read(tsv(WEB.replace("38339", port)))
        reasons.add(caught.value.reason)
    assert reasons == {"id.orig_p is not a whole number from 0 to 65535"}


def test_lines_without_a_header_ask_for_the_files_start() -> None:
    with pytest.raises(NoFlowError, match="no line with #fields came before it; give the file from its start"):
        ConnLog().read(tsv(WEB))


def test_a_header_without_a_needed_field_says_which() -> None:
    with pytest.raises(NoFlowError, match=r"the header \(#fields\) lacks id.resp_p, duration"):
        log("#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tproto").read("1\tC1\t10.0.0.1\t5\t10.0.0.2\ttcp")


@pytest.mark.parametrize(
    ("header", "line"),
    [
        (HEADER, tsv(WEB.replace("tcp", "unknown_transport"))),
        ([*HEADER, "#path\tdns"], tsv(WEB)),
        (HEADER, '{"_path": "dns", "ts": 1}'),
    ],
)
def test_other_protocols_and_logs_are_no_mistakes(header: list[str], line: str) -> None:
    with pytest.raises(OtherRecordError):
        log(*header).read(line)


def test_an_unknown_state_is_not_known() -> None:
    """The columns that need it are then named as unavailable; they are no zeros."""
    flow = log().read(tsv(WEB.replace(" SF ", " NEW ")))
    assert flow is not None
    assert flow.state == ""
    assert {"flag", "serror_rate", "dst_host_srv_rerror_rate"} <= set(record_of(flow).unavailable)


def test_the_first_confirmed_service_counts() -> None:
    """Zeek puts a minus before a service that it has dropped."""
    flow = log().read(tsv(WEB.replace(" http ", " -ssl,pop3,ssl ")))
    assert flow is not None
    assert flow.application == "pop3"


def test_blank_lines_and_the_footer_give_nothing() -> None:
    assert [log().read(line) for line in ("", "   ", "#close\t2026-03-04-06-00-00")] == [None] * 3
