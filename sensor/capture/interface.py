"""Read packets from a network interface of Linux, as they come.

The kernel gives each packet with its time; what it had to drop is counted. On a quiet interface an empty packet comes
now and then, so that timers run.
"""

from __future__ import annotations

import socket
import struct
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

from contract.errors import InputError
from sensor.capture.counts import Counts
from sensor.capture.layers.links import ETHERNET_LINK, RAW_LINK
from sensor.capture.packet import Packet

QUIET_S = 0.5
"""How long to wait for a packet before the time is told without one."""
MAX_PACKET_BYTES = 65_600
"""The longest IP packet and its Ethernet header. Python allocates as much for each packet; more takes a system call."""
BUFFER_BYTES = 16 * 1024 * 1024
"""What the kernel keeps for this program while it is busy."""
SECOND_NS = 1_000_000_000

ALL_PROTOCOLS = 3
"""ETH_P_ALL of linux/if_ether.h."""
PACKET_OUTGOING = 4
"""linux/if_packet.h: this machine sent it."""
SOL_PACKET, PACKET_ADD_MEMBERSHIP, PACKET_STATISTICS, PROMISCUOUS = 263, 1, 6, 1
"""linux/socket.h, linux/if_packet.h."""
SO_RCVBUFFORCE, SO_TIMESTAMPNS = 33, 35
"""asm-generic/socket.h."""
LOOPBACK = 772
LINK_TYPES = {1: ETHERNET_LINK, LOOPBACK: ETHERNET_LINK, 768: RAW_LINK, 776: RAW_LINK, 778: RAW_LINK, 65534: RAW_LINK}
"""Kinds of devices (linux/if_arp.h): Ethernet, loopback, tunnels of IP in IP, sit and GRE, and tun."""


def listen(name: str, counts: Counts, stop: threading.Event) -> Iterator[Packet]:
    """The packets of an interface, in both directions, until `stop` is set.

    Raises:
        InputError: there is no such interface, or this process may not read it.
    """
    with _open(name) as interface:
        asked_ns = 0
        while not stop.is_set():
            packet = _next(interface)
            if packet.time_ns - asked_ns > SECOND_NS:
                asked_ns = packet.time_ns
                counts.dropped += _dropped(interface)
            yield packet


def _open(name: str) -> socket.socket:
    if not sys.platform.startswith("linux"):
        raise InputError("an interface can be read on Linux only; write a capture with tcpdump and give it with --pcap")
    names = [known for _, known in socket.if_nameindex()]
    if name not in names:
        raise InputError(f"there is no interface {name!r} here; this machine has {', '.join(names)}")
    try:
        interface = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    except PermissionError as error:
        raise InputError(
            f"this process may not read the interface {name!r}: it needs the capability CAP_NET_RAW. Start the command "
            f"with sudo, or give it to Python once: sudo setcap cap_net_raw=ep $(readlink -f {sys.executable})"
        ) from error
    try:
        interface.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        with suppress(PermissionError):  # beyond net.core.rmem_max needs CAP_NET_ADMIN
            interface.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER_BYTES)
        interface.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        membership = struct.pack("iHH8x", socket.if_nametoindex(name), PROMISCUOUS, 0)
        interface.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP, membership)
        interface.bind((name, ALL_PROTOCOLS))
        interface.settimeout(QUIET_S)
    except OSError as error:
        interface.close()
        raise InputError(f"cannot read the interface {name!r}: {error.strerror or error}") from error
    return interface


def _next(interface: socket.socket) -> Packet:
    """The next packet, or an empty one if none came for a while."""
    try:
        data, extra, _, sender = interface.recvmsg(MAX_PACKET_BYTES, 64)
    except TimeoutError:
        return Packet(time.time_ns(), ETHERNET_LINK, b"", 0)
    except OSError as error:
        raise InputError(f"the interface can no longer be read: {error.strerror or error}") from error
    time_ns = _time_ns(extra)
    _, _, direction, device, _ = sender
    if device == LOOPBACK and direction == PACKET_OUTGOING:
        return Packet(time_ns, ETHERNET_LINK, b"", 0)  # it comes again as received
    return Packet(time_ns, LINK_TYPES.get(device, -device), data, len(data))


def _time_ns(extra: list[tuple[int, int, bytes]]) -> int:
    for level, kind, value in extra:
        if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
            seconds, nanoseconds = struct.unpack("ll", value[: struct.calcsize("ll")])
            return int(seconds * SECOND_NS + nanoseconds)
    return time.time_ns()


def _dropped(interface: socket.socket) -> int:
    """Packets that the kernel dropped since the last call."""
    _, dropped = struct.unpack("II", interface.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))
    return int(dropped)
