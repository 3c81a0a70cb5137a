"""Intrusions: from outside to an account (r2l), and from an account to root (u2r).

They have few connections; their contents give them away. They never end, as the scenarios of `dos.py`. The values are
those of the class's rows in KDD Cup 99.
"""

from __future__ import annotations

from collections.abc import Iterator

from sensor import network
from sensor.connection import Connection
from sensor.draw import Draw
from sensor.network import Segment
from sensor.scenarios.build import tcp, udp


def guess_passwd(draw: Draw, here: Segment, at_s: float) -> Iterator[Connection]:
    """One telnet login after another, each with a different wrong password."""
    attacker = draw.pick(network.ATTACKERS)
    while True:
        flag = draw.pick(("RSTO", "RSTR", "S3"), (0.88, 0.08, 0.04))
        yield tcp(
            draw,
            at_s,
            attacker,
            here.shell,
            23,
            flag=flag,
            duration=60 if flag == "S3" else 0,
            src_bytes=draw.pick((125, 126), (0.2, 0.8)),
            dst_bytes=179,
            hot=2 if flag == "RSTR" else 1,
            num_failed_logins=1,
        )
        at_s += draw.seconds(1.0, 2.2)


def warezclient(draw: Draw, here: Segment, at_s: float) -> Iterator[Connection]:
    """Strangers download pirated files from the FTP server: long guest sessions with listings, then the files."""
    while True:
        client = draw.pick(network.VISITORS)
        yield tcp(
            draw,
            at_s,
            client,
            here.server,
            21,
            logged_in=1,
            is_guest_login=1,
            duration=draw.between(0, 2),
            src_bytes=draw.between(1195, 1240),
            dst_bytes=draw.between(2445, 2453),
            hot=28,
        )
        for number in range(draw.between(3, 6)):
            at_s += draw.seconds(0.6, 1.6)
            large = number > 0 and draw.chance(0.15)
            size_bytes = draw.pick((832, 7045, 5_133_876)) if large else draw.pick((334, 246), (0.94, 0.06))
            yield tcp(
                draw,
                at_s,
                here.server,
                client,
                draw.client_port(),
                service="ftp_data",
                source_port=20,
                logged_in=1,
                src_bytes=size_bytes,
                duration=draw.pick((4, 12)) if size_bytes < 10_000 and large else _transfer_s(size_bytes),
            )
        at_s += draw.seconds(4, 15)


def _transfer_s(size_bytes: int) -> int:
    return size_bytes // 1015  # KDD's 5,133,876 bytes took about 5,056 s over a modem line


def warezmaster(draw: Draw, here: Segment, at_s: float) -> Iterator[Connection]:
    """An intruder uploads pirated files to the FTP server through the guest account."""
    intruder = draw.pick(network.ATTACKERS)
    while True:
        yield tcp(
            draw,
            at_s,
            intruder,
            here.server,
            21,
            logged_in=1,
            is_guest_login=1,
            duration=draw.between(120, 180),
            hot=18,
            src_bytes=draw.between(900, 1000),
            dst_bytes=draw.between(2400, 2700),
            num_file_creations=draw.between(18, 21),
        )
        for _ in range(draw.between(5, 8)):
            at_s += draw.seconds(9.0, 12.0)
            yield tcp(
                draw,
                at_s,
                here.server,
                intruder,
                draw.client_port(),
                service="ftp_data",
                source_port=20,
                duration=draw.between(9, 10),
                dst_bytes=draw.between(5_150_328, 5_155_468),
            )
        at_s += 15.0


def ftp_write(draw: Draw, here: Segment, at_s: float) -> Iterator[Connection]:
    """A guest writes a `.rhosts` file over FTP, and then logs in without a password."""
    intruder = draw.pick(network.ATTACKERS)
    while True:
        yield tcp(
            draw,
            at_s,
            intruder,
            here.shell,
            21,
            logged_in=1,
            is_guest_login=1,
            duration=draw.between(26, 32),
            hot=2,
            src_bytes=draw.between(104, 116),
            dst_bytes=draw.between(449, 451),
            num_file_creations=1,
            num_access_files=1,
        )
        at_s += draw.seconds(8, 20)
        yield tcp(
            draw,
            at_s,
            here.shell,
            intruder,
            draw.client_port(),
            service="ftp_data",
            source_port=20,
            dst_bytes=5,
        )
        at_s += draw.seconds(20, 40)
        yield tcp(
            draw,
            at_s,
            intruder,
            here.shell,
            513,
            logged_in=1,
            duration=draw.between(67, 134),
            urgent=draw.between(1, 2),
            src_bytes=draw.between(100, 157),
            dst_bytes=draw.skewed(2703, 39_445, 2000, 40_000),
            num_compromised=draw.between(0, 1),
            num_root=draw.between(0, 1),
            num_access_files=draw.between(0, 1),
        )
        at_s += 150.0


def phf(draw: Draw, here: Segment, at_s: float) -> Iterator[Connection]:
    """A CGI script with a vulnerability prints the password file."""
    attacker = draw.pick(network.ATTACKERS)
    while True:
        yield tcp(
            draw,
            at_s,
            attacker,
            here.web,
            80,
            logged_in=1,
            duration=draw.pick((0, 6, 12), (0.5, 0.25, 0.25)),
            src_bytes=51,
            dst_bytes=8127,
            hot=2,
            root_shell=1,
            num_access_files=1,
        )
        at_s += draw.seconds(20, 60)


def buffer_overflow(draw: Draw, here: Segment, at_s: float) -> Iterator[Connection]:
    """A user uploads a program over FTP, overflows a set-uid command with it, and gets a root shell over telnet."""
    intruder = draw.pick(network.VISITORS)
    while True:
        if draw.chance(0.3):
            yield tcp(
                draw,
                at_s,
                intruder,
                here.shell,
                draw.client_port(),
                service="ftp_data",
                source_port=20,
                logged_in=1,
                dst_bytes=draw.between(5014, 5928),
            )
            at_s += draw.seconds(10, 30)
        rooted = draw.chance(0.8)
        yield tcp(
            draw,
            at_s,
            intruder,
            here.shell,
            23,
            logged_in=1,
            duration=draw.skewed(120, 195, 31, 305),
            src_bytes=draw.skewed(1661, 2425, 1401, 6274),
            dst_bytes=draw.skewed(3800, 7700, 2700, 70_000),
            hot=draw.pick((3, 1, 4), (0.8, 0.1, 0.1)),
            num_compromised=draw.pick((2, 4, 1), (0.4, 0.35, 0.25)),
            root_shell=int(rooted),
            num_file_creations=draw.between(0, 1),
        )
        at_s += draw.seconds(60, 180)


def loadmodule(draw: Draw, here: Segment, at_s: float) -> Iterator[Connection]:
    """A set-uid loader trusts the user's environment and starts a shell as root."""
    intruder = draw.pick(network.VISITORS)
    while True:
        yield tcp(
            draw,
            at_s,
            intruder,
            here.shell,
            23,
            logged_in=1,
            duration=draw.between(21, 103),
            src_bytes=draw.between(277, 302),
            dst_bytes=draw.skewed(1290, 8800, 693, 8876),
            hot=2,
            num_compromised=draw.pick((1, 4)),
            root_shell=1,
            num_root=draw.pick((0, 3), (0.7, 0.3)),
            num_file_creations=draw.pick((1, 4)),
            num_shells=2,
            num_access_files=int(draw.chance(0.3)),
        )
        at_s += draw.seconds(60, 180)


def rootkit(draw: Draw, here: Segment, at_s: float) -> Iterator[Connection]:
    """An intruder with root on the name server returns by telnet from the user's desk and installs hiding programs."""
    while True:
        if draw.chance(0.3):  # tries the backdoor
            yield udp(draw, at_s, here.desk, network.RESOLVER, draw.between(2000, 30_000), src_bytes=draw.pick((4, 32)))
            at_s += draw.seconds(5, 20)
        length_s = draw.between(60, 708)
        yield tcp(
            draw,
            at_s,
            here.desk,
            network.RESOLVER,
            23,
            logged_in=1,
            duration=length_s,
            src_bytes=250 + 2 * length_s + draw.between(0, 300),
            dst_bytes=draw.skewed(8356, 24_080, 3929, 24_080),
            urgent=int(draw.chance(0.2)),
            num_compromised=draw.pick((0, 5, 6)),
            root_shell=int(draw.chance(0.66)),
            num_root=draw.between(4, 14),
            num_file_creations=int(draw.chance(0.66)),
        )
        at_s += draw.seconds(60, 240)
