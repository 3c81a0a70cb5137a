"""Records with hostile values: each gives a flow whose document can be written, or an error that says why not."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sensor import documents_in
from sensor.flow import Flow
from sensor.flow_documents import line_of
from sensor.logs import suricata
from sensor.logs.no_flow import NoFlowError
from sensor.logs.zeek import read_json
from sensor.stream import Stream

ENDS = {"source.ip": "10.0.0.1", "source.port": 1, "destination.ip": "10.0.0.2", "destination.port": 80}
TIMES = {"@timestamp": "2026-01-01T00:00:00Z", "event.start": 1_700_000_000, "event.end": 1_700_000_001}
SIZES = {"source.bytes": 60, "source.packets": 1, "destination.bytes": 60, "destination.packets": 1}
DOCUMENT: dict[str, Any] = {**ENDS, **TIMES, **SIZES, "event.duration": 1, "network.transport": "tcp"}
CONN: dict[str, Any] = {
    "ts": 1_700_000_000.5,
    "uid": "C1",
    "id.orig_h": "10.0.0.1",
    "id.orig_p": 1,
    "id.resp_h": "10.0.0.2",
    "id.resp_p": 80,
    "proto": "tcp",
    "duration": 1.0,
    "orig_bytes": 1,
    "resp_bytes": 1,
    "orig_pkts": 1,
    "orig_ip_bytes": 41,
    "conn_state": "SF",
    "service": "http",
    "history": "ShADadFf",
    "community_id": "1:x",
    "_system_name": "here",
    "_path": "conn",
}
EVE: dict[str, Any] = {
    "event_type": "flow",
    "flow_id": 1,
    "src_ip": "10.0.0.1",
    "src_port": 1,
    "dest_ip": "10.0.0.2",
    "dest_port": 80,
    "icmp_type": 8,
    "icmp_code": 0,
    "proto": "TCP",
    "vlan": [1],
    "host": "here",
    "app_proto": "http",
    "flow.start": "2026-01-01T00:00:00Z",
    "flow.end": "2026-01-01T00:00:01Z",
    "flow.pkts_toserver": 1,
    "flow.bytes_toserver": 60,
    "flow.bytes_toclient": 60,
    "tcp.tcp_flags_ts": "1b",
    "tcp.tcp_flags_tc": "1b",
    "tcp.state": "closed",
}
NUMBERS = (-1, 0, 1, 2**31, 2**53, 2**62 - 1, 2**63 - 1, 2**63, 2**64, 10**30, 0.5, 1e18, 1e300, True)
WORDS = ("", "-", "nan", "inf", "1e999", "9" * 19, "9" * 5_000, "٣", "0x1b", "\x1b[31m\0", "[/red]", "x" * 100_000)
ADDRESSES = ("fe80::1%eth0", "::ffff:10.0.0.1", "::1", "1.2.3.4/24")
MOMENTS = (
    253_402_300_799,
    253_402_300_799.99997,
    "9999-12-31T23:59:59.999999Z",
    "9999-12-31T23:59:59-23:59",
    "0001-01-01T00:00:00+23:59",
)
PROTOCOLS = ("icmp", "ICMP", "ipv6-icmp", "udp", "TCP")
ANY = st.recursive(
    st.none() | st.sampled_from((*NUMBERS, *WORDS, *ADDRESSES, *MOMENTS, *PROTOCOLS)),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=3), below, max_size=3),
    max_leaves=4,
)


def changes(base: dict[str, Any], *more: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from((*base, *more)), ANY, max_size=5)


def holds(read: Callable[[], Flow | None]) -> None:
    """The flow has a document whose numbers fit into Elasticsearch's, or there is a reason why there is none."""
    with suppress(NoFlowError):
        if flow := read():
            stream = Stream()
            for sensed in (*stream.feed([flow]), *stream.close()):
                document = json.loads(line_of(sensed, observer="here"))
                sizes = (document.get("network", {}).get("bytes", 0), document["event"].get("duration", 0))
                assert all(0 <= size < 2**63 for size in sizes)
                assert len(document["@timestamp"]) == len("2026-01-01T00:00:00.000000Z")


@given(changes(CONN))
@example({"duration": 253_402_300_799})
@example({"duration": 2.5e11, "ts": 0})
@example({"orig_bytes": 2**63 - 1, "resp_bytes": 2**63 - 1})
@example({"proto": "icmp", "id.orig_p": 300, "id.resp_h": "::1"})
def test_a_line_of_zeek(changed: dict[str, Any]) -> None:
    holds(lambda: read_json(json.dumps({**CONN, **changed})))


@given(changes(EVE))
@example({"flow.start": 0, "flow.end": 253_402_300_799})
@example({"proto": "ICMP", "dest_ip": "::1"})
def test_an_event_of_suricata(changed: dict[str, Any]) -> None:
    event: dict[str, Any] = {}
    for name, value in {**EVE, **changed}.items():
        root, _, leaf = name.partition(".")
        if leaf:
            event.setdefault(root, {})[leaf] = value
        else:
            event[root] = value
    holds(lambda: suricata.read(json.dumps(event)))


@given(
    st.sampled_from(
        ({}, {"zeek.connection.state": "SF"}, {"suricata.eve.flow_id": 1}, {"flow.id": "x", "flow.final": True})
    ),
    changes(DOCUMENT, "user.id", "event.original", "flow", "network", "zeek.connection.icmp.type", "suricata.eve.tcp"),
)
@example({}, {"event.start": 253_402_300_799, "event.duration": 2**62})
@example({"suricata.eve.flow_id": 1}, {"event.original": "{"})
def test_a_document(kind: dict[str, Any], changed: dict[str, Any]) -> None:
    holds(lambda: documents_in.flow_of({**DOCUMENT, **kind, **changed}, "id"))


@pytest.mark.parametrize("kind", [{}, {"zeek.connection.state": "SF"}, {"suricata.eve.flow_id": 1}])
def test_a_deep_document(kind: dict[str, Any]) -> None:
    deep: dict[str, Any] = {}
    for _ in range(990):  # Elasticsearch refuses documents of more than 1,000 levels
        deep = {"a": deep}
    holds(lambda: documents_in.flow_of({**DOCUMENT, **kind, "other": deep}, "id"))
