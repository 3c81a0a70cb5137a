"""Ports that servers probably have. They tell who began, where the first packets are missing.

Zeek's likely_server_ports: the ports of all its analyzers (scripts/base/protocols/*/main.zeek and
scripts/base/packet-protocols/*/main.zeek).
"""

from __future__ import annotations

TCP_SERVERS = frozenset(
    {
        21,
        22,
        25,
        53,
        79,
        80,
        81,
        88,
        135,
        139,
        143,
        389,
        443,
        445,
        465,
        502,
        514,
        563,
        585,
        587,
        614,
        631,
        636,
        989,
        990,
        992,
        993,
        995,
        1080,
        1434,
        1883,
        2811,
        3128,
        3268,
        3306,
        3389,
        5222,
        5223,
        5269,
        5432,
        6379,
        6666,
        6667,
        6668,
        6669,
        8000,
        8080,
        8888,
        20000,
    }
)
UDP_SERVERS = frozenset(
    {
        53,
        67,
        88,
        123,
        137,
        161,
        162,
        389,
        443,
        514,
        1812,
        2123,
        2152,
        3389,
        3544,
        4011,
        4754,
        4789,
        5060,
        5072,
        5353,
        5355,
        6081,
        20000,
    }
)
UDP_TUNNELS = {
    2123: "GTP",
    2152: "GTP",
    3544: "Teredo",
    4754: "GRE in UDP",
    4789: "VXLAN",
    5072: "AYIYA",
    6081: "Geneve",
}
"""Tunnels in UDP. They are named, not taken apart: a port is only a sign of one."""
