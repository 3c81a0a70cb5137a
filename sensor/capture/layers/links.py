"""Find the IP header of a packet: take link layers and tags apart.

    LINKS[link type] ──▶ protocol, offset ──▶ STEPS[protocol] ──▶ protocol, offset ──▶ ... ──▶ IPv4 or IPv6

A protocol is an EtherType, or a negative number for what has none. Each step moves the offset forward, so the walk
ends. What has no step is counted by name and left out.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from sensor.capture.counts import Counts

IPV4, IPV6 = 0x0800, 0x86DD
IP, ETHERNET, LLC, PPP, LOOPBACK, COOKED, COOKED_2 = -1, -2, -3, -4, -5, -6, -7
OTHER_LLC, OTHER_PPP, UNKNOWN = -8, -9, -10
FABRIC_PATH = 0x8903
NO_IP = -1
"""Instead of an offset."""

Step = Callable[[bytes, int], tuple[int, int]]
"""Takes the packet and the offset of a header; gives the next protocol and its offset.

Raises struct.error or IndexError where the packet ends within the header.
"""

_u16 = struct.Struct("!H").unpack_from
_u32 = struct.Struct("!I").unpack_from

NAMES = {
    OTHER_LLC: "IEEE 802.3 (LLC)",
    OTHER_PPP: "PPP control",
    UNKNOWN: "neither IPv4 nor IPv6",
    0x0806: "ARP",
    0x8035: "RARP",
    0x809B: "AppleTalk",
    0x8137: "IPX",
    0x8863: "PPPoE discovery",
    0x888E: "EAPOL",
    0x88CC: "LLDP",
    0x88E5: "MACsec",
    0x88F7: "PTP",
    0x8906: "FCoE",
}
LINK_NAMES = {
    105: "IEEE 802.11",
    119: "IEEE 802.11 (Prism)",
    127: "IEEE 802.11 (radiotap)",
    163: "IEEE 802.11 (AVS)",
    239: "NFLOG",
}


def ip_offset(data: bytes, link_type: int, counts: Counts) -> int:
    """Where the IP header begins; NO_IP if there is none, which is counted."""
    if link_type == ETHERNET_LINK and data[12:14] == b"\x08\x00":
        return 14  # most packets
    protocol = LINKS.get(link_type)
    if protocol is None:
        counts.left_out[LINK_NAMES.get(link_type) or f"link type {link_type}"] += 1
        return NO_IP
    return walk(data, protocol, 0, counts)


def walk(data: bytes, protocol: int, at: int, counts: Counts) -> int:
    """Follow the headers from one of `protocol` at an offset on to an IP header."""
    try:
        while protocol not in (IPV4, IPV6):
            step = STEPS.get(protocol)
            if step is None:
                counts.left_out[NAMES.get(protocol) or f"EtherType 0x{protocol:04x}"] += 1
                return NO_IP
            protocol, at = step(data, at)
    except (struct.error, IndexError):
        counts.left_out["cut off before the IP header"] += 1
        return NO_IP
    return at


def _ethernet(data: bytes, at: int) -> tuple[int, int]:
    """Ethernet II or IEEE 802.3. Cisco's FabricPath puts 16 bytes before the frame."""
    (protocol,) = _u16(data, at + 12)
    if protocol == FABRIC_PATH:
        return ETHERNET, at + 16
    return (protocol if protocol >= 1536 else LLC), at + 14


def _by_version(data: bytes, at: int) -> tuple[int, int]:
    """An IP header of either version."""
    return {4: IPV4, 6: IPV6}.get(data[at] >> 4, UNKNOWN), at


def _cooked(data: bytes, at: int) -> tuple[int, int]:
    """Linux SLL: the type is last in 16 bytes."""
    return _u16(data, at + 14)[0], at + 16


def _cooked_2(data: bytes, at: int) -> tuple[int, int]:
    """Linux SLL2: the type is first in 20 bytes."""
    return _u16(data, at)[0], at + 20


def _loopback(data: bytes, at: int) -> tuple[int, int]:
    """BSD loopback: the address family in either byte order. 2 is IPv4; IPv6 has a number of each system."""
    (family,) = _u32(data, at)
    family = family if family < 0x10000 else family >> 24
    return {2: IPV4, 10: IPV6, 24: IPV6, 28: IPV6, 30: IPV6}.get(family, UNKNOWN), at + 4


def _ppp(data: bytes, at: int) -> tuple[int, int]:
    """PPP, with or without the HDLC bytes before it."""
    if data[at : at + 2] == b"\xff\x03":
        at += 2
    return {0x0021: IPV4, 0x0057: IPV6}.get(_u16(data, at)[0], OTHER_PPP), at + 2


def _tag(data: bytes, at: int) -> tuple[int, int]:
    """VLAN: two bytes, then the type."""
    return _u16(data, at + 2)[0], at + 4


def _vntag(data: bytes, at: int) -> tuple[int, int]:
    return _u16(data, at + 4)[0], at + 6


def _pppoe(data: bytes, at: int) -> tuple[int, int]:
    return _ppp(data, at + 6)


def _mpls(data: bytes, at: int) -> tuple[int, int]:
    """Labels up to the last. Then comes IP, or four bytes of a pseudowire and a frame."""
    while not _u32(data, at)[0] & 0x100:
        at += 4
    at += 4
    if data[at] >> 4 == 0:
        return ETHERNET, at + 4
    return _by_version(data, at)


def _snap(data: bytes, at: int) -> tuple[int, int]:
    """IEEE 802.2: only SNAP has a type; the rest, such as spanning tree, is no IP."""
    if data[at : at + 3] != b"\xaa\xaa\x03":
        return OTHER_LLC, at + 3
    return _u16(data, at + 6)[0], at + 8


STEPS: dict[int, Step] = {
    IP: _by_version,
    ETHERNET: _ethernet,
    LLC: _snap,
    PPP: _ppp,
    LOOPBACK: _loopback,
    COOKED: _cooked,
    COOKED_2: _cooked_2,
    0x6558: _ethernet,
    0x8100: _tag,
    0x88A8: _tag,
    0x9100: _tag,
    0x8847: _mpls,
    0x8848: _mpls,
    0x8864: _pppoe,
    0x88E7: lambda _, at: (ETHERNET, at + 4),  # provider backbone bridge, 802.1ah
    0x8926: _vntag,
}
ETHERNET_LINK, RAW_LINK = 1, 101
LINKS = {
    0: LOOPBACK,
    ETHERNET_LINK: ETHERNET,
    9: PPP,
    12: IP,
    14: IP,
    50: PPP,
    RAW_LINK: IP,
    108: LOOPBACK,
    113: COOKED,
    228: IPV4,
    229: IPV6,
    276: COOKED_2,
}
"""What packets of a link type begin with: tcpdump.org/linktypes.html."""
