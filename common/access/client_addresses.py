"""Client addresses, in the form in which limits count them."""

from __future__ import annotations

import ipaddress


def network_of(host: str) -> str:
    """Return an IPv4 address unchanged, and the /64 network of an IPv6 address: one customer owns a whole /64."""
    if ":" not in host:
        return host
    try:
        address = ipaddress.IPv6Address(host.split("%")[0])
    except ValueError:
        return host
    return str(address.ipv4_mapped or ipaddress.ip_network((address, 64), strict=False))
