"""Link layers, tags and tunnels: which are taken apart, which are counted by name."""

from __future__ import annotations

import struct

import pytest

from sensor.capture.counts import Counts
from sensor.capture.write import icmp, udp
from tests.unit.sensor.capture.making import ETHERNET, MACS, RAW, followed, packet

INNER = udp("10.0.0.1", 5000, "10.0.0.2", 53, data=b"question")
INNER_6 = udp("2001:db8::1", 5000, "2001:db8::2", 53, data=b"question")
FRAME = MACS + b"\x08\x00" + INNER


def ip4(protocol: int, data: bytes) -> bytes:
    """An IPv4 packet of any protocol."""
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(data), 0, 0, 64, protocol, 0)
    return head + bytes((198, 51, 100, 1, 198, 51, 100, 2)) + data


def ip6(following: int, data: bytes) -> bytes:
    """An IPv6 packet between the ends of INNER_6."""
    return INNER_6[:4] + struct.pack("!HBB", len(data), following, 64) + INNER_6[8:40] + data


EXTENDED = ip6(
    0,
    b"\x3c\x00" + bytes(6) + b"\x2b\x01" + bytes(14) + b"\x33\x00" + bytes(6) + b"\x11\x01" + bytes(10) + INNER_6[40:],
)
"""Hop-by-hop, destination, routing, authentication."""

OPENED = {
    "Ethernet": (ETHERNET, FRAME),
    "Ethernet with trailer": (ETHERNET, FRAME + bytes(10)),
    "VLAN": (ETHERNET, MACS + b"\x81\x00\x00\x05\x08\x00" + INNER),
    "QinQ": (ETHERNET, MACS + b"\x88\xa8\x00\x05\x81\x00\x00\x06\x08\x00" + INNER),
    "old QinQ": (ETHERNET, MACS + b"\x91\x00\x00\x05\x81\x00\x00\x06\x08\x00" + INNER),
    "VNTag": (ETHERNET, MACS + b"\x89\x26" + bytes(4) + b"\x81\x00\x00\x05\x08\x00" + INNER),
    "FabricPath": (ETHERNET, MACS + b"\x89\x03\x00\x00" + FRAME),
    "backbone bridge": (ETHERNET, MACS + b"\x88\xe7" + bytes(4) + FRAME),
    "MPLS": (ETHERNET, MACS + b"\x88\x47" + b"\x00\x01\x00\x40" + b"\x00\x02\x01\x40" + INNER),
    "pseudowire": (ETHERNET, MACS + b"\x88\x47" + b"\x00\x02\x01\x40" + bytes(4) + FRAME),
    "PPPoE": (ETHERNET, MACS + b"\x88\x64\x11\x00\x00\x01\x00\x30\x00\x21" + INNER),
    "SNAP": (ETHERNET, MACS + b"\x00\x40" + b"\xaa\xaa\x03\x00\x00\x00\x08\x00" + INNER),
    "Linux cooked": (113, bytes(14) + b"\x08\x00" + INNER),
    "Linux cooked 2": (276, b"\x08\x00" + bytes(18) + INNER),
    "raw": (RAW, INNER),
    "raw IPv4": (228, INNER),
    "loopback": (0, struct.pack("<I", 2) + INNER),
    "loopback, other byte order": (0, struct.pack(">I", 2) + INNER),
    "PPP": (9, b"\xff\x03\x00\x21" + INNER),
    "IP in IP": (RAW, ip4(4, INNER)),
    "GRE": (RAW, ip4(47, b"\x00\x00\x08\x00" + INNER)),
    "GRE with checksum, key and number": (RAW, ip4(47, b"\xb0\x00\x08\x00" + bytes(12) + INNER)),
    "GRE with Ethernet": (RAW, ip4(47, b"\x00\x00\x65\x58" + FRAME)),
    "ERSPAN": (RAW, ip4(47, b"\x00\x00\x88\xbe" + FRAME)),
    "ERSPAN 2": (RAW, ip4(47, b"\x10\x00\x88\xbe" + bytes(4) + bytes(8) + FRAME)),
    "ERSPAN 3": (RAW, ip4(47, b"\x10\x00\x22\xeb" + bytes(4) + bytes(12) + FRAME)),
    "PPTP": (RAW, ip4(47, b"\x30\x81\x88\x0b" + bytes(12) + b"\xff\x03\x00\x21" + INNER)),
    "GRE in GRE": (RAW, ip4(47, b"\x00\x00\x08\x00" + ip4(47, b"\x00\x00\x08\x00" + INNER))),
}
OPENED_6 = {
    "raw": (RAW, INNER_6),
    "raw IPv6": (229, INNER_6),
    "Ethernet": (ETHERNET, MACS + b"\x86\xdd" + INNER_6),
    "BSD loopback": (108, struct.pack(">I", 30) + INNER_6),
    "PPP": (50, b"\x00\x57" + INNER_6),
    "IPv6 in IPv4": (RAW, ip4(41, INNER_6)),
    "GRE": (RAW, ip4(47, b"\x00\x00\x86\xdd" + INNER_6)),
    "extension headers": (RAW, EXTENDED),
    "a fragment that is whole": (RAW, ip6(44, b"\x11\x00\x00\x00" + bytes(4) + INNER_6[40:])),
}


@pytest.mark.parametrize("name", OPENED)
def test_ipv4_is_found_in(name: str) -> None:
    link_type, data = OPENED[name]
    counts = Counts()
    (flow,) = followed([packet(0, data, link_type)], counts)
    assert (flow.source, flow.destination, flow.source_bytes) == ("10.0.0.1", "10.0.0.2", 8)
    assert counts.left_out == {}


@pytest.mark.parametrize("name", OPENED_6)
def test_ipv6_is_found_in(name: str) -> None:
    link_type, data = OPENED_6[name]
    counts = Counts()
    (flow,) = followed([packet(0, data, link_type)], counts)
    assert (flow.source, flow.destination, flow.source_bytes) == ("2001:db8::1", "2001:db8::2", 8)
    assert counts.left_out == {}


@pytest.mark.parametrize(
    ("link_type", "data", "name"),
    [
        (ETHERNET, MACS + b"\x08\x06" + bytes(28), "ARP"),
        (ETHERNET, MACS + b"\x00\x26\x42\x42\x03" + bytes(35), "IEEE 802.3 (LLC)"),
        (ETHERNET, MACS + b"\x12\x34" + bytes(28), "EtherType 0x1234"),
        (ETHERNET, MACS + b"\x88\x64\x11\x00\x00\x01\x00\x06\xc0\x21" + bytes(4), "PPP control"),
        (ETHERNET, MACS + b"\x81\x00\x00", "cut off before the IP header"),
        (ETHERNET, FRAME[:20], "cut off within the IP header"),
        (ETHERNET, MACS + b"\x08\x00" + b"\x95" + INNER[1:], "neither IPv4 nor IPv6"),
        (127, bytes(40), "IEEE 802.11 (radiotap)"),
        (9999, bytes(40), "link type 9999"),
        (RAW, ip4(132, bytes(12)), "SCTP"),
        (RAW, ip4(253, bytes(12)), "IP protocol 253"),
        (RAW, ip4(47, b"\x00\x00\x12\x34" + bytes(12)), "EtherType 0x1234"),
        (RAW, ip4(47, b"\x40\x00\x08\x00" + bytes(12)), "GRE of an unknown kind"),
        (RAW, ip4(4, ip4(4, ip4(4, ip4(4, ip4(4, INNER))))), "too many tunnels within tunnels"),
        (RAW, INNER[:-1], "shorter than the IP header says"),
        (RAW, b"\x44" + INNER[1:], "IP header with an impossible length"),
        (RAW, ip6(59, b""), "IPv6 without payload"),
        (RAW, ip6(50, bytes(8)), "ESP"),
        (RAW, ip6(0, b"\x11"), "cut off within the IP header"),
        (RAW, ip4(17, bytes(7)), "cut off within the header of TCP, UDP or ICMP"),
        (RAW, ip4(6, bytes(19)), "cut off within the header of TCP, UDP or ICMP"),
        (RAW, ip4(6, bytes(20)), "TCP header with an impossible length"),
        (RAW, ip4(1, bytes(7)), "cut off within the header of TCP, UDP or ICMP"),
    ],
)
def test_what_belongs_to_no_flow_is_counted_by_name(link_type: int, data: bytes, name: str) -> None:
    counts = Counts()
    assert followed([packet(0, data, link_type)], counts) == []
    assert counts.left_out == {name: 1}
    assert f"packets in no flow: 1 ({name} 1)" in counts.lines()


@pytest.mark.parametrize(("port", "name"), [(4789, "VXLAN"), (6081, "Geneve"), (2152, "GTP"), (3544, "Teredo")])
def test_tunnels_in_udp_stay_closed_and_are_named(port: int, name: str) -> None:
    counts = Counts()
    (flow,) = followed([packet(0, udp("10.0.0.1", 5000, "10.0.0.2", port, data=bytes(8) + FRAME))], counts)
    assert flow.destination_port == port
    assert counts.lines() == [f"packets of tunnels that stay closed, one flow each: 1 ({name} 1)"]


def test_tunnels_that_are_opened_are_named() -> None:
    counts = Counts()
    followed([packet(0, ip4(47, b"\x00\x00\x08\x00" + INNER)), packet(1, ip4(4, INNER))], counts)
    assert counts.lines() == ["packets in tunnels; the flows are the inner ones: 2 (GRE 1, IP in IP 1)"]


def test_a_packet_that_the_capture_cut_off_counts_with_its_whole_length() -> None:
    whole = udp("10.0.0.1", 5000, "10.0.0.2", 53, data=bytes(1000))
    cut = packet(0, whole)._replace(data=whole[:60])
    (flow,) = followed([cut])
    assert flow.source_bytes == 1000


def test_a_length_of_zero_means_that_the_network_card_cuts_large_segments() -> None:
    large = INNER[:2] + b"\x00\x00" + INNER[4:]
    (flow,) = followed([packet(0, large)])
    assert flow.source_bytes == 8


def test_addresses_of_an_ipv6_ping_are_written_short() -> None:
    message, flow = followed([packet(0, icmp("2001:db8:0:0::1", "ff02::1", kind=128, data=bytes(4)))])
    assert (message.source, flow.destination) == ("2001:db8::1", "ff02::1")
