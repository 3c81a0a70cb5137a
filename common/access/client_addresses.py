"""IP addresses of clients."""

from __future__ import annotations

import ipaddress


def network_of(host: str) -> str:
    """Return an IPv4 address unchanged, and the /64 network of an IPv6 address: one customer owns a whole /64."""
    address = parse_address(host.split("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, 64), strict=False))
    return host if address is None else str(address)


def parse_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return the address in a text; None if there is none. An IPv4-mapped IPv6 address becomes an IPv4 address."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
