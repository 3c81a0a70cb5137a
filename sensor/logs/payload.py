"""Payload of packets whose headers were counted: what is left without the smallest headers.

    bytes of the source ──▶ less link, IP and transport header of each packet ──▶ payload

Every header counts with its smallest size. IP packets rarely have options, so UDP and ICMP are nearly always exact.
TCP's headers often have some, so its payload is too high: by 12 bytes for each packet with a timestamp.
"""

from __future__ import annotations

ETHERNET_BYTES = 14
VLAN_BYTES = 4
_IPV4_BYTES, _IPV6_BYTES = 20, 40
_TRANSPORT_BYTES = {"tcp": 20, "udp": 8, "icmp": 8}


def payload_of(size: int, packets: int, *, protocol: str, ipv6: bool, link_bytes: int = 0) -> int:
    """The payload.

    Args:
        size: bytes of all packets.
        packets: their number.
        protocol: `tcp`, `udp` or `icmp`.
        ipv6: the version of IP.
        link_bytes: of the link layer's header, if `size` counts it.
    """
    header = link_bytes + (_IPV6_BYTES if ipv6 else _IPV4_BYTES) + _TRANSPORT_BYTES[protocol]
    return max(0, size - packets * header)
