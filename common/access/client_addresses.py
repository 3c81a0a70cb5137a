"""Addresses of clients, as limits count them."""

from __future__ import annotations

import ipaddress


def network_of(host: str) -> str:
    """An IPv4 address as it is; of an IPv6 address the network of 64 bits, because one customer has it whole."""
    if ":" not in host:
        return host
    try:
        address = ipaddress.IPv6Address(host.split("%")[0])
    except ValueError:
        return host
    return str(address.ipv4_mapped or ipaddress.ip_network((address, 64), strict=False))
