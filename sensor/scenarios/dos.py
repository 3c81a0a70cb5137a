"""Denial of service: floods of half-open connections, echo replies and broken fragments, and two single packets.

Each scenario never ends; the simulation takes as many connections as it plans. The values are those of the class's
rows in KDD Cup 99; the table is in docs/simulated-traffic.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from sensor import network
from sensor.connection import Connection
from sensor.draw import Draw
from sensor.network import Segment
from sensor.scenarios.build import icmp, tcp, udp

SYNS_A_PORT = 20
"""Packets that neptune sends to a port before the next one: in the data `srv_count` climbs from 1 to 20 repeatedly."""


def neptune(draw: Draw, here: Segment, at_s: float) -> Iterator[Connection]:
    """A SYN flood from forged addresses over the low ports of a host; no handshake is completed.

    Its target is not the mail server. In such a short day, mail would not push the flood out of that host's history. In
    KDD only one in two hundred finished `smtp` rows has a `dst_host_serror_rate` of 0.5 or more.
    """
    yield from _syn_flood(draw, here.quiet[5], at_s, flag="S0")


def neptune_refused(draw: Draw, here: Segment, at_s: float) -> Iterator[Connection]:
    """The same flood against a host whose ports are closed: it sends a reset for each SYN."""
    yield from _syn_flood(draw, here.quiet[0], at_s, flag="REJ")


def _syn_flood(draw: Draw, target: str, at_s: float, *, flag: str) -> Iterator[Connection]:
    port = draw.between(1, 900)
    while True:
        for _ in range(SYNS_A_PORT):
            yield tcp(draw, at_s, draw.pick(network.ATTACKERS), target, port, flag=flag)
            at_s += draw.seconds(0.004, 0.016)
        port = port % 1023 + 1


def smurf(draw: Draw, here: Segment, at_s: float) -> Iterator[Connection]:
    """Echo replies from a whole network that was pinged in the victim's name."""
    size_bytes = draw.pick((1032, 520), (0.8, 0.2))
    while True:
        yield icmp(at_s, draw.pick(network.AMPLIFIERS), here.desk, "ecr_i", src_bytes=size_bytes)
        at_s += draw.seconds(0.001, 0.005)


def teardrop(draw: Draw, here: Segment, at_s: float) -> Iterator[Connection]:
    """UDP fragments that overlap, from one source port to one target port."""
    attacker, source_port, port = draw.pick(network.ATTACKERS), draw.client_port(), draw.between(200, 1000)
    while True:
        yield udp(
            draw,
            at_s,
            attacker,
            here.quiet[1],
            port,
            source_port=source_port,
            src_bytes=28,
            wrong_fragment=3 if draw.chance(0.99) else 1,
        )
        at_s += draw.seconds(0.01, 0.04)


def pod(draw: Draw, here: Segment, at_s: float) -> Iterator[Connection]:
    """Pings above the largest packet size, in fragments, to a few hosts."""
    attacker = draw.pick(network.ATTACKERS)
    while True:
        target = draw.pick(here.quiet[20:24])
        for _ in range(draw.between(2, 5)):
            yield icmp(at_s, attacker, target, "ecr_i", src_bytes=1480, wrong_fragment=1)
            at_s += draw.seconds(0.1, 0.4)


def back(draw: Draw, here: Segment, at_s: float) -> Iterator[Connection]:
    """Requests of thousands of slashes, which keep the web server busy."""
    attacker = draw.pick(network.ATTACKERS)
    while True:
        reset = draw.chance(0.04)
        yield tcp(
            draw,
            at_s,
            attacker,
            here.web,
            80,
            logged_in=1,
            flag="RSTR" if reset else "SF",
            src_bytes=draw.between(20_000, 54_540) if reset else 54_540,
            dst_bytes=draw.pick((2920, 7300, 8314)) if reset else 8314,
            hot=1 if reset else 2,
            num_compromised=0 if reset else 1,
        )
        at_s += draw.seconds(0.3, 1.1)


def land(draw: Draw, here: Segment, at_s: float) -> Iterator[Connection]:
    """A SYN in which the victim's own address is the source."""
    while True:
        target = draw.pick(here.quiet[30:40])
        yield tcp(draw, at_s, target, target, 79, source_port=79, flag="S0")
        at_s += draw.seconds(1.0, 8.0)
