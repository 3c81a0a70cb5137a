"""Take IP apart: headers of both versions, fragments, and the tunnels that IP carries (IP in IP, GRE).

The result is what TCP, UDP or ICMP gets: addresses and payload.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from sensor.capture.counts import Counts
from sensor.capture.layers.fragments import Fragments
from sensor.capture.layers.links import ETHERNET, NO_IP, PPP, walk

ICMP, IPIP, TCP, UDP, IPV6_IN_IP, GRE, ICMP6 = 1, 4, 6, 17, 41, 47, 58
HOP_BY_HOP, ROUTING, FRAGMENT, AUTHENTICATION, DESTINATION = 0, 43, 44, 51, 60
EXTENSIONS = frozenset({HOP_BY_HOP, ROUTING, FRAGMENT, AUTHENTICATION, DESTINATION})
"""Headers of IPv6 before the payload."""
ERSPAN, ERSPAN_3 = 0x88BE, 0x22EB
TRANSPORTS = frozenset({ICMP, TCP, UDP, ICMP6})
PROTOCOL_NAMES = {
    2: "IGMP",
    50: "ESP",
    51: "AH",
    59: "IPv6 without payload",
    88: "EIGRP",
    89: "OSPF",
    103: "PIM",
    112: "VRRP",
    115: "L2TP",
    132: "SCTP",
    135: "Mobile IPv6",
}
MAX_DEPTH = 4
"""Tunnels within tunnels: Zeek's Tunnel::max_depth (scripts/base/init-bare.zeek)."""

_v4 = struct.Struct("!BxHHHxBxx4s4s").unpack_from
_v6 = struct.Struct("!4xHBx16s16s").unpack_from
_u16 = struct.Struct("!H").unpack_from


class Datagram(NamedTuple):
    """What one IP datagram carries."""

    protocol: int
    source: bytes
    destination: bytes
    """Four bytes, or sixteen for IPv6."""
    data: bytes
    """The payload as far as it was captured."""
    length: int
    """Bytes of the payload according to the header."""
    wrong: int = 0
    """Wrong fragments that it came in."""


class _UnusableError(Exception):
    """The packet has no flow; the text names the reason."""


def datagram(now_ns: int, data: bytes, length: int, fragments: Fragments, counts: Counts) -> Datagram | None:
    """The transport payload of an IP packet.

    Args:
        data: begins with the IP header.
        length: bytes on the wire, from the IP header on.
    Returns:
        None if it belongs to no flow, which is counted, or if fragments are missing.
    """
    try:
        for _ in range(MAX_DEPTH + 1):
            found = _one(now_ns, data, length, fragments)
            if found is None or found.protocol in TRANSPORTS:
                return found
            data, length = _inner(found, counts)
        raise _UnusableError("too many tunnels within tunnels")
    except _UnusableError as error:
        if error.args:
            counts.left_out[str(error)] += 1
        return None
    except (struct.error, IndexError):
        counts.left_out["cut off within the IP header"] += 1
        return None


def _one(now_ns: int, data: bytes, length: int, fragments: Fragments) -> Datagram | None:
    version = data[0] >> 4
    if version == 4:
        return _version_4(now_ns, data, length, fragments)
    if version == 6:
        return _version_6(now_ns, data, length, fragments)
    raise _UnusableError("neither IPv4 nor IPv6")


def _version_4(now_ns: int, data: bytes, length: int, fragments: Fragments) -> Datagram | None:
    first, total, identification, fragment, protocol, source, destination = _v4(data)
    header = (first & 0x0F) * 4
    total = total or length  # 0: the network card cuts large segments itself
    if header < 20 or total < header:
        raise _UnusableError("IP header with an impossible length")
    if total > length:
        raise _UnusableError("shorter than the IP header says")
    payload = data[header:total]
    found = Datagram(protocol, source, destination, payload, total - header)
    if not fragment & 0x3FFF:
        return found
    key = (source, destination, protocol, identification)
    offset, more = (fragment & 0x1FFF) * 8, bool(fragment & 0x2000)
    return _joined(now_ns, found, fragments, key, header=header, offset=offset, more=more)


def _version_6(now_ns: int, data: bytes, length: int, fragments: Fragments) -> Datagram | None:
    size, protocol, source, destination = _v6(data)
    total = size + 40 if size else length
    if total > length:
        raise _UnusableError("shorter than the IP header says")
    found = Datagram(protocol, source, destination, data[40:total], total - 40)
    at, protocol, fragment = _behind_extensions(found)
    if at > found.length:
        raise _UnusableError("IP header with an impossible length")
    behind = Datagram(protocol, source, destination, found.data[at:], found.length - at)
    if fragment is None:
        return behind
    field, identification = fragment
    key = (source, destination, 0, identification)
    joined = _joined(now_ns, behind, fragments, key, header=at - 8, offset=field & 0xFFF8, more=bool(field & 1))
    if joined is None:
        return None
    at, protocol, fragment = _behind_extensions(joined)
    if fragment is not None:
        raise _UnusableError("fragment within a fragment")
    return joined._replace(protocol=protocol, data=joined.data[at:], length=joined.length - at)


def _behind_extensions(found: Datagram) -> tuple[int, int, tuple[int, int] | None]:
    """Follow the extension headers of IPv6.

    Returns:
        The offset of what they precede and its protocol. Of a fragment, what is behind its header, and the header's
        fields: offset with flags, and identification.
    """
    protocol, _, _, data, _, _ = found
    at = 0
    while protocol in EXTENSIONS:
        following = data[at]
        if protocol == FRAGMENT:
            field, identification = struct.unpack_from("!xxHI", data, at)
            at += 8
            if field & 0xFFF9:
                return at, following, (field, identification)
        else:
            at += (data[at + 1] + 2) * 4 if protocol == AUTHENTICATION else (data[at + 1] + 1) * 8
        protocol = following
    return at, protocol, None


def _joined(
    now_ns: int,
    part: Datagram,
    fragments: Fragments,
    key: tuple[bytes, bytes, int, int],
    *,
    header: int,
    offset: int,
    more: bool,
) -> Datagram | None:
    """The whole datagram, if this fragment completes it."""
    if len(part.data) < part.length:
        if offset:
            raise _UnusableError("fragment that was captured in part")
        return part
    joined = fragments.add(now_ns, key, part.data, offset=offset, header=header, more=more)
    if joined is None:
        return None
    data, wrong = joined
    return Datagram(part.protocol, part.source, part.destination, data, len(data), wrong)


def _inner(outer: Datagram, counts: Counts) -> tuple[bytes, int]:
    """The IP packet in a tunnel, and its length."""
    if outer.protocol in (IPIP, IPV6_IN_IP):
        at, name = 0, "IP in IP"
    elif outer.protocol == GRE:
        at, name = _gre(outer.data, counts), "GRE"
    else:
        raise _UnusableError(PROTOCOL_NAMES.get(outer.protocol) or f"IP protocol {outer.protocol}")
    if at == NO_IP:
        raise _UnusableError
    counts.opened[name] += 1
    return outer.data[at:], outer.length - at


def _gre(data: bytes, counts: Counts) -> int:
    """Where the IP header begins in GRE (RFC 2784, 2890), PPTP (RFC 2637) and ERSPAN."""
    flags, protocol = struct.unpack_from("!HH", data)
    if flags & 0x4000 or (flags & 7) > 1:
        raise _UnusableError("GRE of an unknown kind")
    at = 4 + sum(4 for bit in (0x8000, 0x2000, 0x1000, 0x0080) if flags & bit)
    if flags & 7:
        protocol = PPP  # PPTP
    elif protocol == ERSPAN:
        at, protocol = at + (8 if flags & 0x1000 else 0), ETHERNET
    elif protocol == ERSPAN_3:
        at, protocol = at + (20 if data[at + 11] & 1 else 12), ETHERNET
    return walk(data, protocol, at, counts)
