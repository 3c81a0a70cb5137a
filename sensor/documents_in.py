"""Read flow documents that are in Elasticsearch already.

a hit's `_source` ─┬─ zeek.connection.*    Zeek integration, Filebeat's module zeek   ─┐
                   ├─ suricata.eve.*       Suricata integration, module suricata      ─┼──▶ Flow
                   ├─ flow.final           Packetbeat, integration network_traffic    ─┤
                   └─ source, destination  any other ECS                              ─┘

Where a document keeps the log's own line (`event.original`), the line is read: it says more than the fields. Fields may
be nested or dotted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from msgspec.structs import replace

from contract.documents.paths import leaves
from contract.errors import shorten
from sensor.flow import Flow
from sensor.logs import suricata, zeek
from sensor.logs.no_flow import NoFlowError, OtherRecordError
from sensor.logs.payload import ETHERNET_BYTES, payload_of
from sensor.logs.values import address_of, check_length, count_of, port_of, time_of

PROTOCOLS = {**suricata.PROTOCOLS, "1": "icmp", "6": "tcp", "17": "udp", "58": "icmp"}
"""Values of `network.transport` and, as text, of `network.iana_number`."""
PACKETBEAT = frozenset({"flow", "network_traffic.flow"})
"""Values of `event.dataset`."""
Fields = Mapping[str, Any]
"""The values of a document by dotted name."""


def flow_of(source: Mapping[str, Any], doc_id: str) -> Flow:
    """The flow of a document.

    Args:
        source: the hit's `_source`.
        doc_id: the hit's `_id`, which identifies the flow if the document has no id of its own.
    Raises:
        NoFlowError: it gives none; says why.
    """
    fields = {name: _single(value) for name, value in leaves(source)}
    if any(name.startswith("oversight.sensor.") for name in fields):
        raise OtherRecordError("a document that `oversight sense` made")
    if any(name.startswith("zeek.connection.") for name in fields):
        flow = _zeek(fields, doc_id)
    elif any(name.startswith("suricata.eve.") for name in fields):
        flow = _suricata(fields)
    else:
        flow = _ecs(fields, doc_id)
    return replace(
        flow,
        community_id=flow.community_id or _text(fields, "network.community_id"),
        observer=flow.observer or _text(fields, "observer.name", "host.name", "agent.name"),
        user=_text(fields, "user.id", "user.name"),
    )


def _zeek(fields: Fields, doc_id: str) -> Flow:
    """Of Zeek. The integration keeps the bytes of IP packets and drops the payload's, unless it keeps the line."""
    line = _text(fields, "event.original")
    if line.startswith("{"):
        return zeek.read_json(line)
    values = {
        "ts": fields.get("@timestamp"),
        "uid": _text(fields, "zeek.session_id", "event.id") or doc_id,
        "id.orig_h": _first(fields, "source.ip", "source.address"),
        "id.orig_p": _first(fields, "source.port", "zeek.connection.icmp.type"),
        "id.resp_h": _first(fields, "destination.ip", "destination.address"),
        "id.resp_p": _first(fields, "destination.port", "zeek.connection.icmp.code"),
        "proto": _protocol(fields),
        "duration": _duration_s(fields),
        "conn_state": fields.get("zeek.connection.state"),
        "service": fields.get("network.protocol"),
        "orig_pkts": fields.get("source.packets"),
        "orig_ip_bytes": fields.get("source.bytes"),
        "resp_pkts": fields.get("destination.packets"),
        "resp_ip_bytes": fields.get("destination.bytes"),
        "history": fields.get("zeek.connection.history"),
    }
    return zeek.flow_of(values, line)


def _suricata(fields: Fields) -> Flow:
    """Of Suricata. The integration moves a part of the event's fields to ECS; here they move back."""
    line = _text(fields, "event.original")
    if line.startswith("{") and (kept := suricata.read(line)) is not None:
        return kept
    flow = {
        **_below(fields, "suricata.eve.flow."),
        "start": fields.get("event.start"),
        "end": fields.get("event.end"),
        "pkts_toserver": fields.get("source.packets"),
        "pkts_toclient": fields.get("destination.packets"),
        "bytes_toserver": fields.get("source.bytes"),
        "bytes_toclient": fields.get("destination.bytes"),
    }
    event = {
        **_below(fields, "suricata.eve."),
        "src_ip": _first(fields, "source.ip", "source.address"),
        "src_port": fields.get("source.port"),
        "dest_ip": _first(fields, "destination.ip", "destination.address"),
        "dest_port": fields.get("destination.port"),
        "proto": fields.get("network.transport"),
        "app_proto": fields.get("network.protocol"),
        "flow": flow,
        "tcp": _below(fields, "suricata.eve.tcp."),
    }
    return suricata.flow_of(event, line)


def _ecs(fields: Fields, doc_id: str) -> Flow:
    """Of Packetbeat, which counts the bytes of frames, or of any source that counts those of IP packets, as NetFlow.

    Packetbeat writes one final document per `flow.id`. Elsewhere `flow.id` names the conversation: Filebeat's NetFlow
    gives it to every report on a long connection. So there it does not identify the record.
    """
    is_packetbeat = "flow.final" in fields or _text(fields, "event.dataset") in PACKETBEAT
    if fields.get("flow.final") is False:
        raise OtherRecordError("flow.final is false: a report on a flow that is not over")
    protocol = _protocol(fields)
    if protocol == "icmp":
        raise OtherRecordError("ICMP without type and code")
    found = {
        "network.transport": protocol,
        "source.ip": _first(fields, "source.ip", "source.address"),
        "source.port": fields.get("source.port"),
        "destination.ip": _first(fields, "destination.ip", "destination.address"),
        "destination.port": fields.get("destination.port"),
        "event.start": fields.get("event.start"),
        "event.end": _first(fields, "event.end", "event.duration"),
    }
    if lacking := [name for name, value in found.items() if value is None]:
        names = ", ".join(lacking)
        raise NoFlowError(f"without {names}", f"the document lacks {names}, which a flow needs")
    started_s = time_of("event.start", found["event.start"])
    duration_s = _length_s(fields, started_s)
    check_length(started_s, duration_s)
    size = _Sizes(str(protocol), ":" in str(found["source.ip"]), ETHERNET_BYTES if is_packetbeat else 0)
    sent, received = _count(fields, "source.packets"), _count(fields, "destination.packets")
    return Flow(
        uid=_text(fields, *(("flow.id", "event.id") if is_packetbeat else ("event.id",))) or doc_id,
        started_s=started_s,
        duration_s=duration_s,
        protocol=str(protocol),
        source=address_of("source.ip", found["source.ip"]),
        source_port=port_of("source.port", found["source.port"]),
        destination=address_of("destination.ip", found["destination.ip"]),
        destination_port=port_of("destination.port", found["destination.port"]),
        state="",
        source_bytes=size.payload(_count(fields, "source.bytes"), sent),
        destination_bytes=size.payload(_count(fields, "destination.bytes"), received),
        source_packets=sent,
        destination_packets=received,
        application=_text(fields, "network.protocol").lower(),
        original=_text(fields, "event.original"),
        approximate=suricata.BYTES,
    )


class _Sizes(NamedTuple):
    """How many bytes of a packet are headers."""

    protocol: str
    ipv6: bool
    link_bytes: int

    def payload(self, size: int | None, packets: int | None) -> int | None:
        """The payload of one side. Without a number of packets the size stays as it is."""
        if size is None or packets is None:
            return size
        return payload_of(size, packets, protocol=self.protocol, ipv6=self.ipv6, link_bytes=self.link_bytes)


def _protocol(fields: Fields) -> str | None:
    """`tcp`, `udp` or `icmp`; None if the document does not say.

    Raises:
        OtherRecordError: it is another one.
    """
    value = _first(fields, "network.transport", "network.iana_number")
    if value is None:
        return None
    protocol = PROTOCOLS.get(str(value).lower())
    if protocol is None:
        raise OtherRecordError(f"the protocol is {shorten(value)}, and KDD's are tcp, udp and icmp")
    return protocol


def _below(fields: Fields, root: str) -> dict[str, Any]:
    """The fields below a root, without it."""
    return {name.removeprefix(root): value for name, value in fields.items() if name.startswith(root)}


def _length_s(fields: Fields, started_s: float) -> float | None:
    """The duration: ECS has nanoseconds; the times have at best milliseconds where Elasticsearch rounded them."""
    if (duration_s := _duration_s(fields)) is not None:
        return duration_s
    ended_s = time_of("event.end", fields.get("event.end"))
    return ended_s - started_s if ended_s >= started_s else None


def _duration_s(fields: Fields) -> float | None:
    duration_ns = fields.get("event.duration")
    return None if duration_ns is None else count_of("event.duration", duration_ns) / 1e9


def _count(fields: Fields, name: str) -> int | None:
    value = fields.get(name)
    return None if value is None else count_of(name, value)


def _first(fields: Fields, *names: str) -> object:
    return next((value for name in names if (value := fields.get(name)) is not None), None)


def _text(fields: Fields, *names: str) -> str:
    """The first of some fields that has text; "" if none has."""
    return next((value for name in names if isinstance(value := fields.get(name), str) and value), "")


def _single(value: object) -> object:
    """A list of one value is that value, as Elasticsearch sees it."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value
