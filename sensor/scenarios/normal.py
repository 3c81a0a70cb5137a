"""What people do all day: browse, mail, look up names, fetch files, log in, set clocks, watch a router.

Each activity yields the connections of one visit in order of their start. Sizes and durations are those of the `normal`
rows of KDD Cup 99 (10 % training set); the table with the quantiles is in docs/simulated-traffic.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sensor import network
from sensor.connection import Connection
from sensor.draw import Draw
from sensor.network import Segment
from sensor.scenarios.build import icmp, tcp, udp


def browse(draw: Draw, here: Segment, at_s: float) -> Iterator[Connection]:
    """Some pages with their pictures, from one or a few sites. Looks the names up first."""
    for _ in range(draw.between(1, 3)):
        yield from look_up(draw, here, at_s)
        at_s += draw.seconds(0.02, 0.2)
        if draw.chance(0.3):
            yield from _refused_page(draw, here, at_s)
        else:
            site = draw.pick(network.SITES)
            for _ in range(draw.skewed(8, 24, 1, 40)):
                yield _page(draw, here.desk, site, at_s)
                at_s += draw.pause(0.1)
        at_s += draw.seconds(2, 20)


def visit(draw: Draw, here: Segment, at_s: float) -> Iterator[Connection]:
    """Someone outside visits the user's own web site."""
    visitor = draw.pick(network.VISITORS)
    for _ in range(draw.skewed(7, 22, 1, 30)):
        yield _page(draw, visitor, here.web, at_s)
        at_s += draw.pause(0.15)


def _page(draw: Draw, source: str, site: str, at_s: float) -> Connection:
    state = draw.pick(("SF", "S1", "RSTO"), (0.997, 0.0015, 0.0015))
    if state == "RSTO":  # the visitor left before anything was sent
        return tcp(draw, at_s, source, site, 80, flag=state, logged_in=1)
    return tcp(
        draw,
        at_s,
        source,
        site,
        80,
        flag=state,
        logged_in=1,
        duration=draw.between(1, 5) if draw.chance(0.006) else 0,
        src_bytes=draw.skewed(255, 330, 147, 420),
        dst_bytes=draw.skewed(1652, 10757, 105, 130_000),
        hot=int(draw.chance(0.003)),
    )


def _refused_page(draw: Draw, here: Segment, at_s: float) -> Iterator[Connection]:
    site = draw.pick(network.CLOSED_SITES)
    for _ in range(draw.between(1, 3)):
        yield tcp(draw, at_s, here.desk, site, 80, flag="REJ")
        at_s += draw.seconds(0.5, 4)


def look_up(draw: Draw, here: Segment, at_s: float) -> Iterator[Connection]:
    """The user's machine asks the resolver, which asks a name server outside if necessary."""
    question = draw.between(37, 46)
    answer = draw.pick((0, question, draw.between(104, 146)), (0.15, 0.45, 0.4))
    yield udp(draw, at_s, here.desk, network.RESOLVER, 53, src_bytes=question, dst_bytes=answer)
    if draw.chance(0.3):
        server = draw.pick(network.NAME_SERVERS)
        yield udp(
            draw, at_s + 0.004, network.RESOLVER, server, 53, source_port=53, src_bytes=question, dst_bytes=answer
        )


def look_up_many(draw: Draw, here: Segment, at_s: float) -> Iterator[Connection]:
    """A program with a list of addresses looks up all their names at once."""
    for _ in range(draw.skewed(4, 20, 1, 60)):
        yield from look_up(draw, here, at_s)
        at_s += draw.pause(0.08)


def send_mail(draw: Draw, here: Segment, at_s: float) -> Iterator[Connection]:
    """Mail goes out through the segment's server, or comes in from outside. Some servers ask who is calling."""
    source, target = draw.pick(
        ((here.desk, here.server), (here.server, draw.pick(network.PEERS)), (draw.pick(network.PEERS), here.server)),
        (0.4, 0.2, 0.4),
    )
    yield tcp(
        draw,
        at_s,
        source,
        target,
        25,
        logged_in=1,
        duration=draw.pick((0, 1, 2, draw.between(3, 9)), (0.5, 0.25, 0.1, 0.15)),
        src_bytes=draw.skewed(1218, 2495, 500, 30_000),
        dst_bytes=draw.skewed(332, 387, 300, 480),
    )
    if draw.chance(0.15):
        yield tcp(
            draw,
            at_s + draw.seconds(0.01, 0.2),
            target,
            source,
            113,
            src_bytes=draw.between(9, 14),
            dst_bytes=draw.between(34, 41),
            logged_in=int(draw.chance(0.75)),
        )


def fetch_mail(draw: Draw, here: Segment, at_s: float) -> Iterator[Connection]:
    """The user's mail program asks for new mail; half the time there is none."""
    empty = draw.chance(0.46)
    yield tcp(
        draw,
        at_s,
        here.desk,
        here.server,
        110,
        logged_in=1,
        duration=0 if empty else draw.pick((0, 1, 5), (0.7, 0.15, 0.15)),
        src_bytes=draw.pick((35, 38, 52)) if empty else draw.between(38, 97),
        dst_bytes=130 if empty else draw.skewed(5000, 14_000, 400, 23_000),
    )


def fetch_files(draw: Draw, here: Segment, at_s: float) -> Iterator[Connection]:
    """A guest session, out to another organisation or in from one. The server opens a connection for every file.

    In the data `hot` counts the guest's commands, and the bytes in each direction grow linearly with it.
    """
    client, server = draw.pick(
        ((here.desk, draw.pick(network.PEERS)), (draw.pick(network.PEERS), here.server)), (0.4, 0.6)
    )
    hot = draw.pick((4, 5, 6, 14, 22, 30), (0.25, 0.1, 0.27, 0.15, 0.13, 0.1))
    length_s = draw.between(20, 32)
    yield tcp(
        draw,
        at_s,
        client,
        server,
        21,
        logged_in=1,
        is_guest_login=1,
        duration=length_s,
        hot=hot,
        src_bytes=48 * hot + draw.between(20, 60),
        dst_bytes=130 * hot + draw.between(150, 350),
    )
    files = draw.between(1, 3) + hot // 5
    for _ in range(files):
        at_s += draw.seconds(0.4, 1.5 + length_s / files / 2)
        yield _file(draw, server, client, at_s)


ROOT_LISTINGS = {1: 245, 6: 567, 9: 748}
"""Listings of root's own files, which KDD counts in `num_root`, and their usual size in bytes."""


def _file(draw: Draw, server: str, client: str, at_s: float) -> Connection:
    roots = draw.pick((0, *ROOT_LISTINGS), (0.87, 0.05, 0.03, 0.05))
    return tcp(
        draw,
        at_s,
        server,
        client,
        draw.client_port(),
        service="ftp_data",
        source_port=20,
        num_root=roots,
        src_bytes=ROOT_LISTINGS.get(roots) or draw.skewed(1030, 12_324, 59, 175_000),
        logged_in=1 if roots else int(draw.chance(0.75)),
    )


def log_in(draw: Draw, here: Segment, at_s: float) -> Iterator[Connection]:
    """A terminal session on the segment's server; sometimes encrypted, sometimes after a mistyped password."""
    if draw.chance(0.2):
        yield tcp(
            draw,
            at_s,
            here.desk,
            here.server,
            22,
            logged_in=1,
            duration=draw.skewed(20, 300, 2, 4000),
            src_bytes=draw.skewed(651, 3000, 300, 20_000),
            dst_bytes=draw.skewed(9615, 40_000, 2000, 400_000),
        )
        return
    yield tcp(
        draw,
        at_s,
        here.desk,
        here.server,
        23,
        logged_in=1,
        duration=draw.skewed(41, 367, 8, 15_000),
        src_bytes=draw.skewed(440, 953, 100, 7000),
        dst_bytes=draw.skewed(30_275, 300_000, 1200, 2_500_000),
        num_failed_logins=int(draw.chance(0.03)),
        num_compromised=draw.pick((0, 1, 2, 3), (0.78, 0.06, 0.1, 0.06)),
        num_file_creations=int(draw.chance(0.05)),
    )


def ask_finger(draw: Draw, here: Segment, at_s: float) -> Iterator[Connection]:
    """Ask whether someone is at the desk."""
    yield tcp(
        draw,
        at_s,
        here.desk,
        here.server,
        79,
        src_bytes=draw.between(5, 11),
        dst_bytes=draw.skewed(144, 364, 130, 731),
    )


def set_clock(draw: Draw, here: Segment, at_s: float) -> Iterator[Connection]:
    """The user's machine asks for the time, from port 123 to port 123."""
    yield udp(draw, at_s, here.desk, network.CLOCK, 123, source_port=123, src_bytes=48, dst_bytes=48)


def watch_router(draw: Draw, here: Segment, at_s: float) -> Iterator[Connection]:
    """SNMP requests to the router, about one every second."""
    for _ in range(draw.between(2, 6)):
        yield udp(draw, at_s, here.desk, network.ROUTER, 161, src_bytes=105, dst_bytes=draw.between(145, 147))
        at_s += draw.seconds(0.9, 3)


def ping(draw: Draw, here: Segment, at_s: float) -> Iterator[Connection]:
    """An echo request to the router and its reply."""
    for _ in range(draw.between(1, 3)):
        yield icmp(at_s, here.desk, network.ROUTER, "eco_i", src_bytes=30)
        yield icmp(at_s + 0.002, network.ROUTER, here.desk, "ecr_i", src_bytes=30)
        at_s += draw.seconds(1.0, 1.1)


ACTIVITIES: dict[str, tuple[Callable[[Draw, Segment, float], Iterator[Connection]], float]] = {
    "browse": (browse, 0.08),
    "visit": (visit, 0.05),
    "look_up_many": (look_up_many, 0.03),
    "send_mail": (send_mail, 0.33),
    "fetch_mail": (fetch_mail, 0.05),
    "fetch_files": (fetch_files, 0.03),
    "log_in": (log_in, 0.03),
    "ask_finger": (ask_finger, 0.03),
    "set_clock": (set_clock, 0.05),
    "watch_router": (watch_router, 0.08),
    "ping": (ping, 0.02),
}
"""Each activity with its share of the visits. A visit has from one to a few dozen connections."""


def working_day(draw: Draw, here: Segment, at_s: float, mean_pause_s: float) -> Iterator[tuple[str, Connection]]:
    """What one user does, without end: the activity's name and a connection, in order of time."""
    names = tuple(ACTIVITIES)
    weights = tuple(share for _, share in ACTIVITIES.values())
    while True:
        at_s += draw.pause(mean_pause_s)
        name = draw.pick(names, weights)
        for connection in sorted(ACTIVITIES[name][0](draw, here, at_s), key=lambda item: item.started_s):
            at_s = connection.started_s
            yield name, connection
