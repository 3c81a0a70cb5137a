"""A flow with its columns as the document that is shipped: ECS fields for people, `kdd99.*` for the model."""

from __future__ import annotations

from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any

import communityid
import orjson

from contract.documents.paths import nest
from contract.kdd99.columns import COLUMNS
from sensor.flow import Flow
from sensor.stream import Sensed

_COMMUNITY_ID = communityid.CommunityID()
_FLOW_TUPLES = {
    "tcp": communityid.FlowTuple.make_tcp,
    "udp": communityid.FlowTuple.make_udp,
    "icmp": communityid.FlowTuple.make_icmp,
    "icmp6": communityid.FlowTuple.make_icmp6,
}


def line_of(sensed: Sensed, *, observer: str) -> bytes:
    """The document as one line of JSON.

    Args:
        sensed: the flow.
        observer: the sensor's name if the source gives none.
    """
    return orjson.dumps(document_of(sensed, observer=observer))


def document_of(sensed: Sensed, *, observer: str) -> dict[str, Any]:
    """The document: fields that the source does not know are absent, never 0."""
    flow = sensed.flow
    columns = dict(zip(COLUMNS, sensed.columns, strict=True))
    for name in sensed.unavailable:
        del columns[name]
    sent, received = flow.source_bytes, flow.destination_bytes
    packets = flow.source_packets, flow.destination_packets
    is_icmp = flow.protocol == "icmp"
    version = ip_address(flow.source).version
    fields: dict[str, Any] = {
        **flow.extra,
        "@timestamp": _iso(flow.started_s),
        "event.id": flow.uid,
        "event.start": _iso(flow.started_s),
        "event.end": _iso(flow.ended_s),
        "event.duration": None if flow.duration_s is None else round(flow.duration_s * 1e9),
        "source.ip": flow.source,
        "source.port": None if is_icmp else flow.source_port,
        "source.bytes": sent,
        "source.packets": packets[0],
        "destination.ip": flow.destination,
        "destination.port": None if is_icmp else flow.destination_port,
        "destination.bytes": received,
        "destination.packets": packets[1],
        "network.transport": "ipv6-icmp" if is_icmp and version == 6 else flow.protocol,
        "network.type": f"ipv{version}",
        "network.protocol": flow.application,
        "network.community_id": flow.community_id or community_id(flow),
        "network.bytes": _sum(sent, received),
        "network.packets": _sum(*packets),
        "observer.name": flow.observer or observer,
        "user.id": flow.user,
        "zeek.connection.state": flow.state,
        "zeek.connection.history": flow.history,
        "oversight.sensor.unavailable": list(sensed.unavailable),
        "oversight.sensor.approximate": list(sensed.approximate),
        **{f"kdd99.{name}": value for name, value in columns.items()},
    }
    return nest({name: value for name, value in fields.items() if value not in (None, "", [])})


def community_id(flow: Flow) -> str:
    """The Community ID of a flow, version 1; "" if its addresses have none."""
    protocol = "icmp6" if flow.protocol == "icmp" and ":" in flow.source else flow.protocol
    make = _FLOW_TUPLES[protocol]
    return _COMMUNITY_ID.calc(make(flow.source, flow.destination, flow.source_port, flow.destination_port)) or ""


def _sum(first: int | None, second: int | None) -> int | None:
    return None if first is None or second is None else first + second


def _iso(time_s: float) -> str:
    return datetime.fromtimestamp(time_s, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
