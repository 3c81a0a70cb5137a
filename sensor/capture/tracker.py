"""Follow all exchanges of a capture, and give each out as a flow when it is over.

    Packet ──▶ links.py, ip.py ──▶ the exchange of its addresses and ports ──▶ queue of timers ──▶ Flow

The clock is that of the packets. Memory is bounded: beyond `max_open` exchanges the one that was idle longest is given
out as it is.
"""

from __future__ import annotations

import struct
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from heapq import heapify, heappop, heappush
from typing import cast

from sensor.capture import flows
from sensor.capture.counts import Counts
from sensor.capture.exchange import Exchange
from sensor.capture.layers.fragments import Fragments
from sensor.capture.layers.ip import ICMP, TCP, UDP, Datagram, datagram
from sensor.capture.layers.links import NO_IP, ip_offset
from sensor.capture.messages import (
    ICMP6_ANSWERS,
    ICMP_ANSWERS,
    DnsExchange,
    IcmpExchange,
    UdpExchange,
    udp_responder_sent_first,
)
from sensor.capture.packet import Packet
from sensor.capture.ports import UDP_TUNNELS
from sensor.capture.tcp.connection import TcpConnection, responder_sent_first
from sensor.capture.timers import DNS_PORTS, ICMP_IDLE_NS, SECOND_NS, UDP_IDLE_NS
from sensor.flow import Flow

BACK_NS = 60_000_000_000
"""A packet may be this much older than one before it. An older one means that the clock was set back."""
MAX_OPEN = 200_000
"""Exchanges that are open at once."""
PIECE = 1_000
"""Flows in a list, if there are more in a second."""
STALE = 1_000
"""Entries of the queue that may belong to nothing any more, besides a quarter of those that are open."""

_tcp = struct.Struct("!HHIIBBHI").unpack_from
_udp = struct.Struct("!HHH").unpack_from


def track(packets: Iterable[Packet], counts: Counts, *, max_open: int = MAX_OPEN) -> Iterator[list[Flow]]:
    """The flows of packets, each when it is known to be over, in lists of those known together.

    An ICMP message comes at once as a flow of its own with `message_of`; their exchange comes when it is over.
    A list, perhaps an empty one, comes after every second on the clock of the packets.

    Args:
        packets: in the order of their times. A packet that is late by less than the timers changes nothing.
        counts: gets what does not become part of a flow; right at any time.
        max_open: exchanges that may be open at once.
    """
    tracker = Tracker(counts, max_open)
    given_ns = 0
    for packet in packets:
        tracker.take(packet)
        if len(tracker.over) >= PIECE or abs(packet.time_ns - given_ns) >= SECOND_NS:
            given_ns = packet.time_ns
            over, tracker.over = tracker.over, []
            yield over
    yield tracker.over
    yield from tracker.end()


class Tracker:
    """The exchanges that are open."""

    def __init__(self, counts: Counts, max_open: int) -> None:
        self.over: list[Flow] = []
        """Flows that are over, for the caller to take."""
        self._counts = counts
        self._max_open = max_open
        self._open: OrderedDict[bytes, Exchange] = OrderedDict()
        """By key; the one that was idle longest is first."""
        self._queue: list[tuple[int, int, Exchange]] = []
        self._number = 0
        """Makes entries of the queue with the same time differ."""
        self._now_ns = -(1 << 80)
        self._fragments = Fragments(counts)

    def take(self, packet: Packet) -> None:
        """Let the timers run up to a packet, then take it."""
        now_ns, link_type, data, length = packet
        if now_ns > self._now_ns:
            self._now_ns = now_ns
            if self._queue and self._queue[0][0] <= now_ns:
                self._run_timers(now_ns)
        elif now_ns < self._now_ns - BACK_NS:
            self._set_back(now_ns)
        if not data:
            return
        self._counts.packets += 1
        at = ip_offset(data, link_type, self._counts)
        if at == NO_IP:
            return
        found = datagram(now_ns, data[at:], length - at, self._fragments, self._counts)
        if found is None:
            return
        try:
            if found.protocol == TCP:
                self._take_tcp(now_ns, found)
            elif found.protocol == UDP:
                self._take_udp(now_ns, found)
            else:
                self._take_icmp(now_ns, found)
        except struct.error:
            self._counts.left_out["cut off within the header of TCP, UDP or ICMP"] += 1

    def _set_back(self, now_ns: int) -> None:
        """Someone set the clock back, or one packet had a wrong time. No timer would run until it is caught up."""
        self._counts.set_back += 1
        self._now_ns = now_ns
        for exchange in self._by_end():
            self._give_out(exchange)
        self._queue.clear()
        self._fragments.rest()

    def end(self) -> Iterator[list[Flow]]:
        """No more packets come: everything is over."""
        rest = self._by_end()
        rest.reverse()
        self._queue.clear()
        while rest:  # in parts, so that the memory of each is free again
            self.over = []
            for _ in range(min(PIECE, len(rest))):
                self._give_out(rest.pop())
            yield self.over
        self._fragments.rest()

    def _by_end(self) -> list[Exchange]:
        """What is open, in the order of the last packets."""
        return sorted(self._open.values(), key=lambda exchange: exchange.ended_ns)

    def _take_tcp(self, now_ns: int, found: Datagram) -> None:
        source_port, port, sequence, acked, offset, flags, window, _ = _tcp(found.data)
        size = found.length - (offset >> 4) * 4
        if offset < 0x50 or size < 0:
            self._counts.left_out["TCP header with an impossible length"] += 1
            return
        key = _key(b"\x06", found, source_port, port)
        connection = cast("TcpConnection | None", self._open.get(key))
        turn = 0
        if connection is not None and connection.is_reused(flags, sequence):
            turn = connection.turn + 1 if connection.began_ns == now_ns else 0
            self._give_out(connection)
            connection = None
        if connection is None:
            connection = TcpConnection(key, now_ns, found.source, source_port, found.destination, port)
            connection.turn = turn
            if responder_sent_first(flags, source_port, port):
                connection.flip()
            self._add(connection)
        whole = len(found.data) >= found.length
        forward = connection.source == found.source and connection.source_port == source_port
        connection.take(now_ns, forward, flags, sequence, acked, window, size, whole)
        self._touch(connection, found)

    def _take_udp(self, now_ns: int, found: Datagram) -> None:
        source_port, port, size = _udp(found.data)
        if found.length < 8:
            raise struct.error
        key = _key(b"\x11", found, source_port, port)
        exchange = cast("UdpExchange | None", self._open.get(key))
        if exchange is None:
            exchange = self._new_udp(key, now_ns, found, source_port, port)
        forward = exchange.source == found.source and exchange.source_port == source_port
        exchange.take(now_ns, forward, max(0, size - 8))
        if exchange.destination_port in UDP_TUNNELS:
            self._counts.closed[UDP_TUNNELS[exchange.destination_port]] += 1
        self._touch(exchange, found)

    def _new_udp(self, key: bytes, now_ns: int, found: Datagram, source_port: int, port: int) -> UdpExchange:
        flips = udp_responder_sent_first(source_port, found.destination, port)
        kind = DnsExchange if (source_port if flips else port) in DNS_PORTS else UdpExchange
        exchange = kind(key, now_ns, found.source, source_port, found.destination, port, UDP_IDLE_NS)
        if flips:
            exchange.flip()
        self._add(exchange)
        return exchange

    def _take_icmp(self, now_ns: int, found: Datagram) -> None:
        if found.length < 8 or len(found.data) < 8:
            raise struct.error
        kind, code = found.data[:2]
        answer = (ICMP_ANSWERS if found.protocol == ICMP else ICMP6_ANSWERS).get(kind)
        if answer is None:
            port, key = code, b"\x01" + bytes((kind, code)) + found.source + found.destination
        else:
            port, key = answer, _key(b"\x02", found, kind, answer)
        exchange = cast("IcmpExchange | None", self._open.get(key))
        if exchange is None:
            exchange = IcmpExchange(key, now_ns, found.source, kind, found.destination, port, ICMP_IDLE_NS)
            self._add(exchange)
        forward = exchange.source == found.source and exchange.source_port == kind
        exchange.take(now_ns, forward, found.length - 8)
        self.over.append(flows.message(exchange, now_ns, found, kind, port))
        self._touch(exchange, found)

    def _add(self, exchange: Exchange) -> None:
        if len(self._open) >= self._max_open:
            self._counts.pushed_out += 1
            self._give_out(next(iter(self._open.values())))
        self._open[exchange.key] = exchange

    def _touch(self, exchange: Exchange, found: Datagram) -> None:
        """A packet of an exchange was taken: it is the last to be pushed out, and its timers may have changed."""
        exchange.wrong += found.wrong
        self._open.move_to_end(exchange.key)
        if exchange.wake_ns < exchange.queued_ns:
            self._enqueue(exchange)

    def _enqueue(self, exchange: Exchange) -> None:
        exchange.queued_ns = exchange.wake_ns
        self._number += 1
        heappush(self._queue, (exchange.wake_ns, self._number, exchange))
        if len(self._queue) > len(self._open) * 5 // 4 + STALE:
            self._queue = [entry for entry in self._queue if entry[2].is_open and entry[0] == entry[2].queued_ns]
            heapify(self._queue)

    def _run_timers(self, now_ns: int) -> None:
        """Give out what is over by now."""
        while self._queue and self._queue[0][0] <= now_ns:
            wake_ns, _, exchange = heappop(self._queue)
            if not exchange.is_open or wake_ns != exchange.queued_ns:
                continue
            if exchange.is_over(now_ns):
                self._give_out(exchange)
            else:
                self._enqueue(exchange)

    def _give_out(self, exchange: Exchange) -> None:
        exchange.is_open = False
        del self._open[exchange.key]
        self._counts.flows += 1
        self.over.append(flows.flow(exchange))


def _key(protocol: bytes, found: Datagram, source_port: int, port: int) -> bytes:
    """The same for both directions."""
    one = found.source + source_port.to_bytes(2, "big")
    other = found.destination + port.to_bytes(2, "big")
    return protocol + one + other if one < other else protocol + other + one
