"""Any line gives a flow or an error with a name, and TSV and JSON of one connection give the same flow."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from contract.kdd99.columns import COLUMNS
from sensor.documents_in import flow_of
from sensor.flow import Flow
from sensor.kdd_record import record_of
from sensor.logs import suricata, zeek
from sensor.logs.no_flow import NoFlowError
from sensor.logs.zeek import FIELDS, STATES, ConnLog

COUNTS = st.none() | st.integers(0, 2**62 - 1)
PORTS = st.integers(0, 65535)
WORDS = st.none() | st.text("abcdefghijklmnopqrstuvwxyz_,-", min_size=2, max_size=20)
CONNECTIONS = st.fixed_dictionaries(
    {
        "ts": st.floats(0, 4e9).map(lambda value: round(value, 6)),
        "uid": st.text("ABCDEFabcdef0123456789", min_size=5, max_size=18),
        "id.orig_h": st.ip_addresses().map(str),
        "id.orig_p": PORTS,
        "id.resp_h": st.ip_addresses().map(str),
        "id.resp_p": PORTS,
        "proto": st.sampled_from(("tcp", "udp", "icmp")),
        "duration": st.none() | st.floats(0, 1e6).map(lambda value: round(value, 6)),
        "orig_bytes": COUNTS,
        "resp_bytes": COUNTS,
        "conn_state": st.none() | st.sampled_from(sorted(STATES)),
        "service": WORDS,
        "orig_pkts": COUNTS,
        "orig_ip_bytes": COUNTS,
        "resp_pkts": COUNTS,
        "resp_ip_bytes": COUNTS,
        "history": st.none() | st.text("ShADadFfRr^", min_size=1, max_size=8),
        "community_id": WORDS,
        "_system_name": WORDS,
    }
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner), max_leaves=8
)
GOOD = {
    "ts": 1547188415.857497,
    "uid": "C1",
    "id.orig_h": "10.0.0.9",
    "id.orig_p": 4000,
    "id.resp_h": "10.0.0.1",
    "id.resp_p": 80,
    "proto": "tcp",
    "duration": 1.5,
    "orig_bytes": 10,
    "resp_bytes": 20,
    "conn_state": "SF",
}
EVENT = {
    "event_type": "flow",
    "flow_id": 7,
    "src_ip": "10.0.0.9",
    "src_port": 4000,
    "dest_ip": "10.0.0.1",
    "dest_port": 80,
    "proto": "TCP",
    "flow": {"start": "2024-07-18T17:42:38.368385+0000", "end": "2024-07-18T17:42:39.368385+0000"},
}
DOCUMENT = {
    "source.ip": "10.0.0.1",
    "source.port": 40000,
    "destination.ip": "10.0.0.2",
    "destination.port": 22,
    "network.transport": "tcp",
    "event.start": "2026-03-04T22:00:00Z",
    "event.end": "2026-03-04T22:00:07.500Z",
}
MORE: tuple[str, ...] = (
    "suricata.eve.event_type",
    "suricata.eve.flow_id",
    "suricata.eve.tcp.tcp_flags_ts",
    "zeek.connection.state",
)
MORE += ("event.original", "event.duration", "source.bytes", "source.packets", "flow.final", "network.iana_number")


def log() -> ConnLog:
    found = ConnLog()
    found.read("#fields\t" + "\t".join(FIELDS))
    return found


def is_sound(read: Callable[[], Flow | None]) -> bool:
    """Whether a record gives nothing, an error with a reason, or a flow whose record names only KDD's columns."""
    try:
        flow = read()
    except NoFlowError as error:
        return bool(error.reason and str(error))
    if flow is None:
        return True
    record = record_of(flow)
    named = {*record.unavailable, *record.approximate}
    return named <= set(COLUMNS) and not set(record.unavailable) & set(record.approximate)


def spoilt(good: dict[str, Any], *more: str) -> st.SearchStrategy[dict[str, Any]]:
    """A record in which some values are anything at all."""
    changes = st.dictionaries(st.sampled_from([*good, *more]), VALUES, max_size=3)
    return changes.map(lambda changed: {**good, **changed})


@given(CONNECTIONS)
def test_tsv_and_json_give_the_same_flow(values: dict[str, Any]) -> None:
    tsv = "\t".join("-" if values[name] is None else str(values[name]) for name in FIELDS)
    from_tsv = log().read(tsv)
    from_json = log().read(json.dumps({name: value for name, value in values.items() if value is not None}))
    assert from_tsv is not None
    assert from_json is not None
    assert replace(from_tsv, original="") == replace(from_json, original="")
    assert is_sound(lambda: from_tsv)


@given(st.text() | st.lists(st.text(max_size=9), min_size=len(FIELDS), max_size=len(FIELDS)).map("\t".join))
def test_any_text_gives_a_flow_or_a_named_error(line: str) -> None:
    for read in (log().read, ConnLog().read, suricata.read):
        assert is_sound(partial(read, line))


@given(spoilt(GOOD, *FIELDS, "_path"))
def test_any_json_of_zeek_gives_a_flow_or_a_named_error(values: dict[str, Any]) -> None:
    assert is_sound(lambda: zeek.flow_of(values, ""))
    assert is_sound(lambda: ConnLog().read(json.dumps(values)))


@given(spoilt(EVENT, "tcp", "vlan", "host", "icmp_type", "icmp_code"))
def test_any_event_of_suricata_gives_a_flow_or_a_named_error(event: dict[str, Any]) -> None:
    assert is_sound(lambda: suricata.flow_of(event, ""))


@given(spoilt(DOCUMENT, *MORE))
def test_any_document_gives_a_flow_or_a_named_error(document: dict[str, Any]) -> None:
    assert is_sound(lambda: flow_of(document, "doc-1"))
