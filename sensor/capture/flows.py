"""Exchanges as flows."""

from __future__ import annotations

from typing import cast

from sensor.capture.exchange import Exchange, address
from sensor.capture.layers.ip import Datagram
from sensor.capture.messages import IcmpExchange, UdpExchange
from sensor.capture.tcp.connection import TcpConnection
from sensor.capture.timers import SECOND_NS
from sensor.flow import Flow


def flow(exchange: Exchange) -> Flow:
    """An exchange that is over."""
    if isinstance(exchange, TcpConnection):
        orig, resp = exchange.orig, exchange.resp
        return _flow(
            exchange,
            "tcp",
            exchange.state,
            (orig.size(resp), resp.size(orig)),
            (orig.packets, resp.packets),
            urgent=exchange.urgent,
        )
    messages = cast("UdpExchange | IcmpExchange", exchange)
    protocol = "udp" if isinstance(messages, UdpExchange) else "icmp"
    sizes = messages.requests_bytes, messages.answers_bytes
    return _flow(messages, protocol, messages.state, sizes, (messages.requests, messages.answers))


def _flow(
    exchange: Exchange,
    protocol: str,
    state: str,
    sizes: tuple[int, int],
    packets: tuple[int, int],
    *,
    urgent: int = 0,
) -> Flow:
    return Flow(
        uid=exchange.uid,
        started_s=exchange.began_ns / SECOND_NS,
        duration_s=exchange.duration_s,
        protocol=protocol,
        source=address(exchange.source),
        source_port=exchange.source_port,
        destination=address(exchange.destination),
        destination_port=exchange.destination_port,
        state=state,
        source_bytes=sizes[0],
        destination_bytes=sizes[1],
        source_packets=packets[0],
        destination_packets=packets[1],
        wrong_fragments=exchange.wrong,
        urgent=urgent,
        has_messages=protocol == "icmp",
        history=exchange.history,
    )


def message(exchange: IcmpExchange, now_ns: int, found: Datagram, kind: int, port: int) -> Flow:
    """One ICMP message, at its own time and from its own sender."""
    return Flow(
        uid=f"{exchange.uid}.{exchange.requests + exchange.answers}",
        started_s=now_ns / SECOND_NS,
        duration_s=0.0,
        protocol="icmp",
        source=address(found.source),
        source_port=kind,
        destination=address(found.destination),
        destination_port=port,
        state=exchange.state,
        source_bytes=found.length - 8,
        destination_bytes=0,
        source_packets=1,
        destination_packets=0,
        wrong_fragments=found.wrong,
        urgent=0,
        message_of=exchange.uid,
    )
