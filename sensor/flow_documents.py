"""A flow with its columns as the document that is shipped: ECS fields for people, `kdd99.*` for the model."""

from __future__ import annotations

import hashlib
import struct
from binascii import b2a_base64
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from ipaddress import ip_address
from itertools import compress
from typing import Any

import communityid
import orjson

from contract.kdd99.columns import COLUMNS
from sensor.flow import Flow
from sensor.stream import Sensed

_COMMUNITY_ID = communityid.CommunityID()
_PROTOCOL_NUMBERS = {"tcp": 6, "udp": 17}
_ADDRESSES = 65_536
"""Addresses whose bytes are remembered."""


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
    is_icmp, is_ipv6 = flow.protocol == "icmp", ":" in flow.source
    start = _iso(flow.started_s)
    fields: dict[str, Mapping[str, Any]] = {
        "event": {
            "id": flow.uid,
            "start": start,
            "end": _iso(flow.ended_s),
            "duration": None if flow.duration_s is None else round(flow.duration_s * 1e9),
        },
        "source": {
            "ip": flow.source,
            "port": None if is_icmp else flow.source_port,
            "bytes": flow.source_bytes,
            "packets": flow.source_packets,
        },
        "destination": {
            "ip": flow.destination,
            "port": None if is_icmp else flow.destination_port,
            "bytes": flow.destination_bytes,
            "packets": flow.destination_packets,
        },
        "network": {
            "transport": "ipv6-icmp" if is_icmp and is_ipv6 else flow.protocol,
            "type": "ipv6" if is_ipv6 else "ipv4",
            "protocol": flow.application,
            "community_id": flow.community_id or community_id(flow),
            "bytes": _sum(flow.source_bytes, flow.destination_bytes),
            "packets": _sum(flow.source_packets, flow.destination_packets),
        },
        "observer": {"name": flow.observer or observer},
        "user": {"id": flow.user},
        "zeek": {"connection": _known({"state": flow.state, "history": flow.history})},
        "oversight": {
            "sensor": _known({"unavailable": sensed.unavailable, "approximate": sensed.approximate}),
        },
    }
    document: dict[str, Any] = {"@timestamp": start}
    for name, of_name in fields.items():
        if known := _known(of_name):
            document[name] = known
    are_known = _are_known(sensed.unavailable)
    document["kdd99"] = dict(zip(compress(COLUMNS, are_known), compress(sensed.columns, are_known), strict=True))
    return document


def _known(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields without those that are None or empty."""
    return {name: value for name, value in fields.items() if value or value == 0}


@lru_cache(maxsize=256)
def _are_known(unavailable: tuple[str, ...]) -> tuple[bool, ...]:
    """Of each column, whether the source knows it."""
    return tuple(name not in unavailable for name in COLUMNS)


def community_id(flow: Flow) -> str:
    """The Community ID of a flow, version 1."""
    if flow.protocol == "icmp":
        return _community_id_of_icmp(flow.source, flow.destination, flow.source_port, flow.destination_port)
    source = _packed(flow.source), flow.source_port
    destination = _packed(flow.destination), flow.destination_port
    (low, low_port), (high, high_port) = (source, destination) if source < destination else (destination, source)
    ports = struct.pack("!BxHH", _PROTOCOL_NUMBERS[flow.protocol], low_port, high_port)
    digest = hashlib.sha1(b"\0\0" + low + high + ports, usedforsecurity=False).digest()
    return "1:" + b2a_base64(digest, newline=False).decode("ascii")


@lru_cache(maxsize=_ADDRESSES)
def _community_id_of_icmp(source: str, destination: str, kind: int, code: int) -> str:
    """The same of ICMP, where a table says which type answers which. The package that has it is slow."""
    make = communityid.FlowTuple.make_icmp6 if ":" in source else communityid.FlowTuple.make_icmp
    return _COMMUNITY_ID.calc(make(source, destination, kind, code)) or ""


@lru_cache(maxsize=_ADDRESSES)
def _packed(address: str) -> bytes:
    return ip_address(address).packed


def _sum(first: int | None, second: int | None) -> int | None:
    return None if first is None or second is None else first + second


def _iso(time_s: float) -> str:
    seconds, microseconds = divmod(round(time_s * 1e6), 1_000_000)
    return f"{_iso_second(seconds)}.{microseconds:06}Z"


@lru_cache(maxsize=1024)
def _iso_second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
