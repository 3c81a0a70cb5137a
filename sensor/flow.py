"""One flow as a source recorded it: who talked to whom, how much, and how it ended. All sources give this type.

Zeek, Suricata, a capture, an index ──▶ Flow ──▶ kdd_record.py ──▶ Connection ──▶ windows/ ──▶ 41 columns
"""

from __future__ import annotations

from msgspec import Struct


class Flow(Struct, frozen=True, gc=False):
    """A TCP connection, an exchange of UDP datagrams, or an exchange of ICMP messages, when it was over.

    None means that the source does not say; it is not 0. Flows are in no reference cycles, so the garbage collector may
    leave out the many that wait to be sorted in. Where a flow is made for each line, its required fields are passed by
    position: msgspec takes six times as long for keywords.
    """

    uid: str
    """The source's own id, such as Zeek's `uid`. A capture gives one that is the same in each run."""
    started_s: float
    """First packet, in seconds since 1970, UTC."""
    duration_s: float | None
    """From the first to the last packet; kept apart because `started_s` has no microseconds to spare."""
    protocol: str
    """`tcp`, `udp` or `icmp` (of either IP version)."""
    source: str
    """IP address of the side that began, without a zone."""
    source_port: int
    """For ICMP its type, as in Zeek."""
    destination: str
    destination_port: int
    """For ICMP its code, as in Zeek."""
    state: str
    """Zeek's `conn_state`, such as `SF`; "" if the source does not say."""
    source_bytes: int | None
    """Payload that the side that began sent, without headers; of ICMP without its 8 bytes of header, as in Zeek."""
    destination_bytes: int | None
    source_packets: int | None = None
    destination_packets: int | None = None
    application: str = ""
    """Application protocol as the source names it, in small letters, such as `http`; "" if it does not say."""
    community_id: str = ""
    """As the source gives it; "" if it does not."""
    wrong_fragments: int | None = None
    """Fragments that overlap, leave the datagram's bounds or are otherwise bad. Only captures know."""
    urgent: int | None = None
    """TCP packets with the URG flag. Only captures know."""
    message_of: str = ""
    """Of a single ICMP message of a capture: the `uid` of its flow. It enters the windows and gets no document."""
    has_messages: bool = False
    """An ICMP flow whose messages came before it, one by one: its document has the features of the last one."""
    user: str = ""
    """The user, where the source knows one."""
    observer: str = ""
    """The sensor's name, where the source knows one."""
    history: str = ""
    """Zeek's `history`, such as `ShADadFf`; "" if the source does not say."""
    original: str = ""
    """The record as it was in the source, such as a line of conn.log; "" for a capture."""
    approximate: frozenset[str] = frozenset()
    """KDD's columns that the source only allows to estimate, such as `src_bytes` from the bytes of whole packets."""

    @property
    def ended_s(self) -> float:
        """Last packet: the time that counts in the windows (docs/decisions/0002-kdd-windows.md)."""
        return self.started_s + (self.duration_s or 0.0)
