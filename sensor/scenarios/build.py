"""Build connections with few arguments; the protocol gives the defaults. `at_s` is the start of a connection."""

from __future__ import annotations

from typing import Any

from sensor.connection import Connection
from sensor.draw import Draw
from sensor.services import service_of

ECHO_REQUEST, ECHO_REPLY = 8, 0
"""ICMP types. As in Zeek, they take the place of the source port."""


def tcp(
    draw: Draw,
    at_s: float,
    source: str,
    destination: str,
    port: int,
    *,
    source_port: int | None = None,
    service: str | None = None,
    **facts: Any,
) -> Connection:
    """A TCP connection; `facts` are fields of `Connection`. Defaults: a client's source port, the port's service."""
    return Connection(
        started_s=at_s,
        ended_s=at_s + facts.get("duration", 0),
        source=source,
        destination=destination,
        destination_port=port,
        protocol_type="tcp",
        source_port=draw.client_port() if source_port is None else source_port,
        service=service or service_of("tcp", port),
        **facts,
    )


def udp(
    draw: Draw, at_s: float, source: str, destination: str, port: int, *, source_port: int | None = None, **facts: Any
) -> Connection:
    """A UDP exchange, with the arguments of `tcp`."""
    return Connection(
        started_s=at_s,
        ended_s=at_s + facts.get("duration", 0),
        source=source,
        destination=destination,
        destination_port=port,
        protocol_type="udp",
        source_port=draw.client_port() if source_port is None else source_port,
        service=service_of("udp", port),
        **facts,
    )


def icmp(at_s: float, source: str, destination: str, service: str, **facts: Any) -> Connection:
    """An ICMP message: `eco_i` is an echo request, `ecr_i` a reply."""
    return Connection(
        started_s=at_s,
        ended_s=at_s + facts.get("duration", 0),
        source=source,
        destination=destination,
        destination_port=0,
        protocol_type="icmp",
        source_port=ECHO_REQUEST if service == "eco_i" else ECHO_REPLY,
        service=service,
        **facts,
    )
