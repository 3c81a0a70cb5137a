"""Exchanges of UDP datagrams and of ICMP messages. They end when they are idle.

The rules are Zeek's: src/packet_analysis/protocol/udp/UDP.cc, src/packet_analysis/protocol/icmp/ICMP.cc.
"""

from __future__ import annotations

from sensor.capture.exchange import Exchange
from sensor.capture.ports import UDP_SERVERS
from sensor.capture.timers import DNS_CHECK_NS, DNS_IDLE_NS

ICMP_ANSWERS = {0: 8, 8: 0, 9: 10, 10: 9, 13: 14, 14: 13, 15: 16, 16: 15, 17: 18, 18: 17}
ICMP6_ANSWERS = {
    128: 129,
    129: 128,
    130: 131,
    131: 130,
    133: 134,
    134: 133,
    135: 136,
    136: 135,
    139: 140,
    140: 139,
    144: 145,
    145: 144,
}
"""Types of messages, and of their answers. A message and its answer are one exchange."""
BROADCAST = b"\xff\xff\xff\xff"


def udp_responder_sent_first(source_port: int, destination: bytes, destination_port: int) -> bool:
    """Whether the first datagram that was seen seems to be an answer."""
    return source_port in UDP_SERVERS and destination_port not in UDP_SERVERS and destination != BROADCAST


class Messages(Exchange):
    """An exchange of UDP datagrams or ICMP messages."""

    __slots__ = ("answers", "answers_bytes", "idle", "requests", "requests_bytes")

    def __init__(
        self, key: bytes, now_ns: int, source: bytes, source_port: int, destination: bytes, port: int, idle_ns: int
    ) -> None:
        super().__init__(key, now_ns, source, source_port, destination, port)
        self.requests = self.requests_bytes = self.answers = self.answers_bytes = 0
        """Messages of the side that began, and of the other one; and the bytes in them."""
        self.idle = idle_ns
        self.wake_ns = now_ns + idle_ns

    def take(self, now_ns: int, forward: bool, size: int) -> None:
        """A message with this many bytes of payload."""
        self.ended_ns = now_ns
        if forward:
            self.requests += 1
            self.requests_bytes += size
        else:
            self.answers += 1
            self.answers_bytes += size

    def is_over(self, now_ns: int) -> bool:
        """Whether it was idle for too long."""
        self.wake_ns = self.ended_ns + self.idle
        return self.wake_ns <= now_ns


class UdpExchange(Messages):
    """Datagrams between two ports."""

    __slots__ = ()

    def take(self, now_ns: int, forward: bool, size: int) -> None:
        """A datagram with this many bytes of payload."""
        if not (self.requests if forward else self.answers):
            self.history += "D" if forward else "d"
        super().take(now_ns, forward, size)

    @property
    def state(self) -> str:
        """Zeek's `conn_state`."""
        if self.requests:
            return "SF" if self.answers else "S0"
        return "SHR"


class DnsExchange(UdpExchange):
    """Datagrams with a DNS server. Clients that use one port for all their questions get a flow for each of them."""

    __slots__ = ()

    def __init__(
        self, key: bytes, now_ns: int, source: bytes, source_port: int, destination: bytes, port: int, idle_ns: int
    ) -> None:
        super().__init__(key, now_ns, source, source_port, destination, port, idle_ns)
        self.wake_ns = now_ns + DNS_CHECK_NS

    def is_over(self, now_ns: int) -> bool:
        """Looks in turns whether it was quiet."""
        self.wake_ns = now_ns + DNS_CHECK_NS
        return now_ns - self.ended_ns >= DNS_IDLE_NS


class IcmpExchange(Messages):
    """ICMP messages of a type, and their answers. The ports are the type and the answer's type, or the code."""

    __slots__ = ()
    state = "OTH"
    """Zeek's `conn_state`: ICMP has none."""
