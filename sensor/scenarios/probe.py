"""Probes: which hosts and ports respond. They never end, as those of `dos.py`; values from the class's KDD rows."""

from __future__ import annotations

from collections.abc import Iterator

from sensor import network
from sensor.connection import Connection
from sensor.draw import Draw
from sensor.network import Segment
from sensor.scenarios.build import icmp, tcp, udp

NMAP_GROUP, NMAP_ROUNDS = 4, 4
"""Hosts that nmap pings together, and how often it pings each: in KDD `dst_host_srv_diff_host_rate` is 0.25, one host
for each four pings. With few hosts in a group the first group is soon over.
"""


def ipsweep(draw: Draw, here: Segment, at_s: float) -> Iterator[Connection]:
    """One echo request to each host of the segment in turn, either fast or slow."""
    attacker, size_bytes = draw.pick(network.ATTACKERS), draw.pick((8, 18), (0.7, 0.3))
    hasty = draw.chance(0.7)
    while True:
        for target in here.quiet:
            yield icmp(at_s, attacker, target, "eco_i", src_bytes=size_bytes)
            at_s += draw.seconds(0.05, 0.15) if hasty else draw.seconds(0.8, 2.5)


def portsweep(draw: Draw, here: Segment, at_s: float) -> Iterator[Connection]:
    """One port after another on one host, slowly and always from the same port."""
    attacker, source_port, target = draw.pick(network.ATTACKERS), draw.client_port(), here.quiet[2]
    while True:
        flag = draw.pick(("RSTR", "REJ", "S0"), (0.78, 0.2, 0.02))
        answered = flag == "RSTR"
        yield tcp(
            draw,
            at_s,
            attacker,
            target,
            _any_port(draw),
            source_port=source_port,
            flag=flag,
            duration=draw.between(1, 4) if answered and draw.chance(0.1) else 0,
            src_bytes=int(answered and draw.chance(0.1)),
        )
        at_s += draw.seconds(1.5, 4.0)


def satan(draw: Draw, here: Segment, at_s: float) -> Iterator[Connection]:
    """A vulnerability scanner tries all ports of a host at full speed, with some UDP probes."""
    attacker, target = draw.pick(network.ATTACKERS), here.quiet[3]
    while True:
        for port in range(1, 10_000, draw.between(7, 19)):
            if draw.chance(0.09):
                yield udp(draw, at_s, attacker, target, draw.between(1, 1023), src_bytes=1)
            else:
                yield tcp(draw, at_s, attacker, target, port, flag=draw.pick(("REJ", "S0"), (0.87, 0.13)))
            at_s += draw.seconds(0.001, 0.006)


def nmap(draw: Draw, here: Segment, at_s: float) -> Iterator[Connection]:
    """Groups of hosts, one after the other: pings, FIN probes from one port to the ports of a host, UDP to another one.

    Each host of a group is pinged four times, in rounds. So a ping to a later group looks back on hosts that were
    pinged four times each, as the pings in KDD do; `ipsweep` pings each host once.
    """
    attacker, source_port = draw.pick(network.ATTACKERS), draw.client_port()
    hosts, scanned, fingerprinted = here.quiet[60:], here.quiet[4], here.quiet[8]
    while True:
        for first in range(0, len(hosts), NMAP_GROUP):
            for _ in range(NMAP_ROUNDS):
                for host in hosts[first : first + NMAP_GROUP]:
                    yield icmp(at_s, attacker, host, "eco_i", src_bytes=8)
                    at_s += draw.seconds(2.05, 2.2) / NMAP_GROUP
            for _ in range(NMAP_ROUNDS * NMAP_GROUP):
                at_s += draw.seconds(2.1, 3.5)
                yield tcp(draw, at_s, attacker, scanned, _any_port(draw), source_port=source_port, flag="SH")
            for _ in range(NMAP_GROUP):
                at_s += draw.seconds(0.8, 1.1)
                yield udp(draw, at_s, attacker, fingerprinted, 1, source_port=source_port, src_bytes=207)


def _any_port(draw: Draw) -> int:
    return draw.between(1, 1023) if draw.chance(0.65) else draw.between(1024, 32_000)
