"""Documents that other programs put into Elasticsearch, in the shapes of their integrations."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sensor.documents_in import flow_of
from sensor.kdd_record import LOGS_LACK, record_of
from sensor.logs.no_flow import NoFlowError, OtherRecordError
from tests.unit.sensor.test_kdd_record import STATELESS_LOGS_LACK

ZEEK: dict[str, Any] = {
    "@timestamp": "2026-03-04T06:33:35.857Z",
    "source": {"address": "10.1.0.7", "ip": "10.1.0.7", "port": 38339, "bytes": 103, "packets": 1},
    "destination": {"address": "10.1.0.1", "ip": "10.1.0.1", "port": 53, "bytes": 206, "packets": 1},
    "zeek": {
        "session_id": "CAcJw21BbVedgFnYH3",
        "connection": {"missed_bytes": 0, "history": "Dd", "state": "SF", "local_orig": True, "local_resp": True},
    },
    "event": {"duration": 76967000, "kind": "event", "id": "CAcJw21BbVedgFnYH3", "category": ["network"]},
    "network": {
        "protocol": "dns",
        "transport": "udp",
        "community_id": "1:abc=",
        "bytes": 309,
        "packets": 2,
        "direction": "internal",
    },
}
ZEEK_LINE = json.dumps(
    {
        "ts": 1772606015.857497,
        "uid": "CAcJw21BbVedgFnYH3",
        "id.orig_h": "10.1.0.7",
        "id.orig_p": 38339,
        "id.resp_h": "10.1.0.1",
        "id.resp_p": 53,
        "proto": "udp",
        "duration": 0.076967,
        "orig_bytes": 75,
        "resp_bytes": 178,
        "conn_state": "SF",
    }
)
SURICATA: dict[str, Any] = {
    "@timestamp": "2026-03-04T16:53:24.501Z",
    "source": {"address": "10.1.22.212", "ip": "10.1.22.212", "port": 56984, "bytes": 7626, "packets": 74},
    "destination": {"address": "10.1.46.5", "ip": "10.1.46.5", "port": 5005, "bytes": 10780, "packets": 56},
    "suricata": {
        "eve": {
            "flow_id": "1548007570151262",
            "event_type": "flow",
            "in_iface": "ens4",
            "flow": {"age": 240, "state": "closed", "reason": "timeout", "alerted": False},
            "tcp": {"tcp_flags": "1f", "tcp_flags_ts": "1b", "tcp_flags_tc": "1b", "state": "closed"},
        }
    },
    "event": {"start": "2026-03-04T16:48:20.399Z", "end": "2026-03-04T16:52:20.399Z", "duration": 240000000000},
    "network": {"protocol": "tls", "transport": "tcp", "community_id": "1:def=", "bytes": 18406, "packets": 130},
}
PACKETBEAT: dict[str, Any] = {
    "@timestamp": "2026-03-04T22:40:20.005Z",
    "type": "flow",
    "flow": {"final": True, "id": "QAT///////8A"},
    "host": {"name": "web-1"},
    "source": {"ip": "10.0.2.15", "port": 23377, "bytes": 2008, "packets": 12},
    "destination": {"ip": "10.0.2.38", "port": 443, "bytes": 5558, "packets": 16},
    "network": {"transport": "tcp", "type": "ipv4", "bytes": 7566, "packets": 28, "community_id": "1:ghi="},
    "event": {
        "dataset": "network_traffic.flow",
        "start": "2026-03-04T22:39:41.679Z",
        "end": "2026-03-04T22:39:45.645Z",
        "duration": 3965826800,
    },
}
ECS: dict[str, Any] = {
    "source.ip": "10.0.0.1",
    "source.port": "40000",
    "source.bytes": 500,
    "destination.ip": ["10.0.0.2"],
    "destination.port": 22,
    "destination.bytes": 900,
    "network.iana_number": "6",
    "event.start": "2026-03-04T22:00:00Z",
    "event.end": "2026-03-04T22:00:07.500Z",
    "user.name": "mara",
}


def test_zeeks_integration_gives_a_flow() -> None:
    """It drops the payload's bytes; UDP's packets have headers of a known size."""
    flow = flow_of(ZEEK, "doc-1")
    assert (flow.uid, flow.state, flow.history, flow.application) == ("CAcJw21BbVedgFnYH3", "SF", "Dd", "dns")
    assert (flow.source_bytes, flow.destination_bytes, flow.duration_s) == (75, 178, 0.076967)
    assert (flow.started_s, flow.community_id) == (1772606015.857, "1:abc=")
    record = record_of(flow)
    assert (record.unavailable, record.approximate) == (LOGS_LACK, ())


def test_a_kept_line_is_read_in_place_of_the_fields() -> None:
    flow = flow_of({**ZEEK, "event": {**ZEEK["event"], "original": ZEEK_LINE}}, "doc-1")
    assert (flow.started_s, flow.original, flow.community_id) == (1772606015.857497, ZEEK_LINE, "1:abc=")


def test_the_payload_of_zeeks_tcp_is_approximate() -> None:
    tcp = {**ZEEK, "network": {**ZEEK["network"], "transport": "tcp"}}
    assert record_of(flow_of(tcp, "doc-1")).approximate == ("src_bytes", "dst_bytes")
    tcp["zeek"] = {"session_id": "C1", "connection": {"history": "Sr", "state": "REJ"}}
    rejected = record_of(flow_of(tcp, "doc-1"))
    assert (rejected.connection.src_bytes, rejected.connection.dst_bytes, rejected.approximate) == (0, 0, ())


def test_zeeks_icmp_has_type_and_code_in_fields_of_its_own() -> None:
    document = {
        **ZEEK,
        "source": {"ip": "10.0.0.5", "bytes": 107, "packets": 1},
        "destination": {"ip": "10.0.0.6", "bytes": 0, "packets": 0},
        "zeek": {"session_id": "C3", "connection": {"state": "OTH", "icmp": {"type": 3, "code": 3}}},
        "network": {"transport": "icmp"},
        "event": {"id": "C3"},
    }
    record = record_of(flow_of(document, "doc-1"))
    assert (record.connection.service, record.connection.src_bytes) == ("urp_i", 107 - 28 + 8)
    assert record.approximate == ()


def test_suricatas_integration_gives_a_flow() -> None:
    flow = flow_of(SURICATA, "doc-1")
    assert (flow.uid, flow.state, flow.application, flow.duration_s) == ("1548007570151262", "SF", "tls", 240.0)
    assert (flow.source_bytes, flow.destination_bytes) == (7626 - 74 * 54, 10780 - 56 * 54)
    assert record_of(flow).approximate == ("src_bytes", "dst_bytes")


def test_packetbeat_has_no_states() -> None:
    flow = flow_of(PACKETBEAT, "doc-1")
    assert (flow.uid, flow.observer, flow.duration_s) == ("QAT///////8A", "web-1", 3.9658268)
    assert (flow.source_bytes, flow.destination_bytes) == (2008 - 12 * 54, 5558 - 16 * 54)
    record = record_of(flow)
    assert set(record.unavailable) == set(STATELESS_LOGS_LACK)
    assert record.approximate == ("src_bytes", "dst_bytes")


def test_any_ecs_with_dotted_names_gives_a_flow() -> None:
    flow = flow_of(ECS, "doc-1")
    assert (flow.uid, flow.protocol, flow.source_port, flow.destination) == ("doc-1", "tcp", 40000, "10.0.0.2")
    assert (flow.source_bytes, flow.destination_bytes, flow.duration_s, flow.user) == (500, 900, 7.5, "mara")
    assert record_of(flow).connection.service == "ssh"


def test_the_reports_of_netflow_on_one_connection_are_records_of_their_own() -> None:
    """An exporter reports on a long connection every minute or so, and Filebeat gives each the same `flow.id`."""
    netflow = {**ECS, "flow.id": "uJ9vDjOhJ8w", "source.packets": 5, "destination.packets": 6}
    first, second = flow_of(netflow, "doc-1"), flow_of({**netflow, "event.end": "2026-03-04T22:01:07Z"}, "doc-2")
    assert (first.uid, second.uid) == ("doc-1", "doc-2")
    assert (first.source_bytes, first.destination_bytes) == (500 - 5 * 40, 900 - 6 * 40)
    assert flow_of({**netflow, "event.id": "own"}, "doc-1").uid == "own"


def test_bytes_that_are_missing_are_unavailable() -> None:
    document = {name: value for name, value in ECS.items() if not name.endswith("bytes")}
    assert set(record_of(flow_of(document, "doc-1")).unavailable) == {*STATELESS_LOGS_LACK, "src_bytes", "dst_bytes"}


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({**PACKETBEAT, "flow": {"final": False}}, "flow.final is false: a report on a flow that is not over"),
        ({**ECS, "network.iana_number": "47"}, "the protocol is '47', and KDD's are tcp, udp and icmp"),
        ({**ECS, "network.transport": "icmp"}, "ICMP without type and code"),
        ({**ZEEK, "oversight": {"sensor": {"unavailable": ["hot"]}}}, "a document that `oversight sense` made"),
    ],
)
def test_other_documents_are_no_mistakes(document: dict[str, Any], reason: str) -> None:
    with pytest.raises(OtherRecordError) as caught:
        flow_of(document, "doc-1")
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"message": "hello"}, "the document lacks network.transport, source.ip, source.port, destination.ip"),
        ({**ECS, "source.port": None, "event.end": None}, "lacks source.port, event.end, which a flow needs"),
        ({**ECS, "source.port": "ssh"}, "source.port is 'ssh', expected a whole number"),
        ({**ECS, "event.end": "later"}, "event.end is 'later', expected seconds since 1970"),
        ({**ECS, "source.bytes": 1.5}, "source.bytes is 1.5, expected a whole number"),
        ({**SURICATA, "event": {}}, "flow.start is missing"),
        ({**ZEEK, "source": {"ip": "10.0.0.300", "port": 1}}, "id.orig_h is '10.0.0.300', expected an IP address"),
    ],
)
def test_a_document_without_half_of_the_fields_says_what_it_lacks(document: dict[str, Any], message: str) -> None:
    with pytest.raises(NoFlowError, match=message):
        flow_of(document, "doc-1")
