"""One packet as it was captured."""

from __future__ import annotations

from typing import NamedTuple


class Packet(NamedTuple):
    """One packet of a capture or an interface."""

    time_ns: int
    """Nanoseconds since 1970, UTC."""
    link_type: int
    """What `data` begins with: a LINKTYPE number of tcpdump.org, such as 1 for Ethernet."""
    data: bytes
    """As captured, from the link layer on. Empty: no packet, only the time, so that timers run on a quiet interface."""
    length: int
    """Bytes on the wire; more than `len(data)` if the capture cut the packet off."""
