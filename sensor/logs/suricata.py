"""Read the flow events of Suricata's eve.json.

    {"event_type": "flow", "src_ip": ..., "flow": {...}, "tcp": {...}}  ──▶ Flow
    other events                                                       ──▶ OtherRecordError: counted

Suricata counts the bytes of whole packets and has no state like Zeek's `conn_state`. Payload and state are worked out
from packets and flags, and named as approximate where they are not certain (docs/flow-records.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any

import orjson

from contract.errors import shorten
from sensor.flow import Flow
from sensor.logs.no_flow import NoFlowError, OtherRecordError
from sensor.logs.payload import ETHERNET_BYTES, VLAN_BYTES, payload_of
from sensor.logs.values import address_of, bad_value, check_length, count_of, missing, port_of, time_of

PROTOCOLS = {"tcp": "tcp", "udp": "udp", "icmp": "icmp", "ipv6-icmp": "icmp", "icmpv6": "icmp"}
"""By Suricata's name, in small letters."""
NO_APPLICATION = frozenset({"failed", "unknown", "template", "template-rust"})
"""Values of `app_proto` that name no protocol."""
FIN, SYN, RST, PSH = 0x01, 0x02, 0x04, 0x08
STATES_BY_NAME = {
    "syn_sent": "S0",
    "syn_recv": "S1",
    "established": "S1",
    "close_wait": "S2",
    "fin_wait1": "S2",
    "fin_wait2": "S2",
    "last_ack": "SF",
    "closing": "SF",
    "time_wait": "SF",
    "closed": "SF",
}
"""`tcp.state` where no side's flags are given."""
BYTES = frozenset({"src_bytes", "dst_bytes"})
BYTES_AND_FLAG = BYTES | {"flag"}


def read(line: str) -> Flow | None:
    """The flow of a line; None if it is blank.

    Raises:
        NoFlowError: the line gives no flow; says why.
    """
    if not line or line.isspace():
        return None
    try:
        event = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise NoFlowError("not JSON, or half a line", f"it is not JSON, or half a line ({error.msg})") from None
    if not isinstance(event, dict):
        raise bad_value("the line", event, "an object")
    return flow_of(event, line)


def flow_of(event: Mapping[str, Any], original: str) -> Flow:
    """The flow of an event.

    Raises:
        NoFlowError: it gives none; says why.
    """
    kind = event.get("event_type")
    if kind != "flow":
        raise OtherRecordError(f"the event_type is {shorten(kind)}, not 'flow'")
    protocol = PROTOCOLS.get(str(event.get("proto")).lower())
    if protocol is None:
        raise OtherRecordError(f"the protocol is {shorten(event.get('proto'))}, and KDD's are tcp, udp and icmp")
    flow, tcp = _part(event, "flow"), _part(event, "tcp")
    started_s = time_of("flow.start", _needed(flow, "start", "flow.start"))
    ended_s = time_of("flow.end", _needed(flow, "end", "flow.end"))
    duration_s = ended_s - started_s if ended_s >= started_s else None
    check_length(started_s, duration_s)
    source = address_of("src_ip", _needed(event, "src_ip"))
    ports = ("icmp_type", "icmp_code") if protocol == "icmp" else ("src_port", "dest_port")
    sent, received = _count(flow, "pkts_toserver"), _count(flow, "pkts_toclient")
    sent_flags, received_flags = _flags(tcp, "tcp_flags_ts"), _flags(tcp, "tcp_flags_tc")
    state, is_certain = _state_of(protocol, tcp, sent_flags, received_flags, received)
    sizes = _Sizes(protocol, ipv6=":" in source, link_bytes=ETHERNET_BYTES + VLAN_BYTES * _vlans(event))
    return Flow(
        uid=str(_needed(event, "flow_id")),
        started_s=started_s,
        duration_s=duration_s,
        protocol=protocol,
        source=source,
        source_port=port_of(ports[0], _needed(event, ports[0])),
        destination=address_of("dest_ip", _needed(event, "dest_ip")),
        destination_port=port_of(ports[1], _needed(event, ports[1])),
        state=state,
        source_bytes=sizes.payload(_count(flow, "bytes_toserver"), sent, sent_flags),
        destination_bytes=sizes.payload(_count(flow, "bytes_toclient"), received, received_flags),
        source_packets=sent,
        destination_packets=received,
        application=_application(event.get("app_proto")),
        community_id=_text(event.get("community_id")),
        observer=_text(event.get("host")),
        original=original,
        approximate=BYTES if is_certain else BYTES_AND_FLAG,
    )


@dataclass(frozen=True, slots=True)
class _Sizes:
    """How many bytes of a packet are headers."""

    protocol: str
    _: KW_ONLY
    ipv6: bool
    link_bytes: int

    def payload(self, size: int | None, packets: int | None, flags: int | None) -> int | None:
        """The payload of one side; TCP that never sets PSH sends none."""
        if size is None or packets is None:
            return None
        if self.protocol == "tcp" and flags is not None and not flags & PSH:
            return 0
        return payload_of(size, packets, protocol=self.protocol, ipv6=self.ipv6, link_bytes=self.link_bytes)


def _state_of(
    protocol: str, tcp: Mapping[str, Any], sent: int | None, received: int | None, answers: int | None
) -> tuple[str, bool]:
    """Zeek's `conn_state` and whether it is certain; "" if nothing says it."""
    if protocol == "icmp":
        return "OTH", True
    if protocol == "udp":
        return ("SF" if answers else "S0"), True
    if sent is None or received is None:
        state = "" if tcp.get("rst") else STATES_BY_NAME.get(str(tcp.get("state")), "")
        return state or ("S0" if answers == 0 else ""), False
    both = sent | received
    is_certain = not (both & RST and both & FIN) and not (sent & RST and received & RST)
    return _from_flags(sent, received), is_certain


def _from_flags(sent: int, received: int) -> str:
    """The state, by Zeek's rules. Flags have no order, so a reset after both sides were closed is taken as closed."""
    opened, answered = bool(sent & SYN), bool(received & SYN)
    if sent & FIN and received & FIN:
        return "SF"
    if received & RST:
        return ("RSTR" if answered else "REJ") if opened else "RSTRH"
    if sent & RST:
        return "RSTO" if answered else "RSTOS0" if opened else "OTH"
    if sent & FIN:
        return "S2" if answered else "SH"
    if received & FIN:
        return "S3" if opened else "SHR"
    if opened and not received:
        return "S0"
    return "S1" if opened and answered else "OTH"


def _part(event: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = event.get(name)
    if part is not None and not isinstance(part, dict):
        raise bad_value(name, part, "an object")
    return part or {}


def _needed(part: Mapping[str, Any], name: str, field: str = "") -> object:
    value = part.get(name)
    if value is None:
        raise missing(field or name)
    return value


def _count(flow: Mapping[str, Any], name: str) -> int | None:
    value = flow.get(name)
    return None if value is None else count_of(f"flow.{name}", value)


def _flags(tcp: Mapping[str, Any], name: str) -> int | None:
    """Flags that one side set in any packet, which Suricata writes as a hexadecimal number."""
    value = tcp.get(name)
    if value is None:
        return None
    try:
        return int(value, 16)
    except (TypeError, ValueError):
        raise bad_value(f"tcp.{name}", value, "a hexadecimal number") from None


def _vlans(event: Mapping[str, Any]) -> int:
    tags = event.get("vlan")
    return len(tags) if isinstance(tags, list) else 0


def _application(value: object) -> str:
    name = _text(value).lower()
    return "" if name in NO_APPLICATION else name


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
