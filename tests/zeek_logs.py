"""Zeek's own conn.logs of ../shared/data/zeek, whose times are blank, with the times of their captures."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path

import orjson

from sensor.logs.zeek import FIELDS

BLANK = "XXXXXXXXXX.XXXXXX"
NUMBERS = {"ts", "duration"}
COUNTS = {name for name in FIELDS if name.endswith(("_p", "_pkts", "_bytes"))} | {"missed_bytes", "ip_proto"}


def captures(folder: Path) -> list[Path]:
    """The captures that have a conn.log."""
    return sorted(path for path in folder.glob("*.pcap") if log_of(path).exists())


def log_of(capture: Path) -> Path:
    return capture.with_name(f"{capture.stem}.conn.log")


@lru_cache
def timed_lines(capture: Path) -> tuple[str, ...]:
    """The log's lines, each with the time of the connection's first packet; of several with the same ports in turn."""
    packets = list(_packets(capture))
    ended: dict[frozenset[tuple[str, str]], float] = {}
    lines, names = [], []
    for line in log_of(capture).read_text().splitlines():
        if line.startswith("#fields"):
            names = line.split("\t")[1:]
        if not line.startswith(BLANK):
            lines.append(line)
            continue
        values = dict(zip(names, line.split("\t"), strict=True))
        key = frozenset({(values["id.orig_h"], values["id.orig_p"]), (values["id.resp_h"], values["id.resp_p"])})
        patterns = _patterns(values)
        times = [time_s for time_s, data in packets if any(pattern in data for pattern in patterns)]
        began_s = next((time_s for time_s in times if time_s > ended.get(key, -1.0)), packets[0][0])
        ended[key] = began_s + float(values["duration"].replace("-", "0"))
        lines.append(line.replace(BLANK, f"{began_s:.6f}"))
    return tuple(lines)


def as_json(lines: tuple[str, ...]) -> list[str]:
    """The same lines as Zeek writes them in JSON: unset fields are left out, numbers are numbers."""
    found, names = [], []
    for line in lines:
        if line.startswith("#fields"):
            names = line.split("\t")[1:]
        if not line.startswith("#"):
            values = dict(zip(names, line.split("\t"), strict=True))
            found.append(orjson.dumps({k: _typed(k, v) for k, v in values.items() if v != "-"}).decode())
    return found


def _typed(name: str, value: str) -> object:
    if name in NUMBERS:
        return float(value)
    return int(value) if name in COUNTS else "" if value == "(empty)" else value


def _patterns(values: dict[str, str]) -> list[bytes]:
    """Bytes of which a packet of the connection has one: both addresses, then the ports."""
    ends = [
        (ip_address(values[f"id.{side}_h"]).packed, struct.pack(">H", int(values[f"id.{side}_p"])))
        for side in ("orig", "resp")
    ]
    has_ports = values["proto"] in ("tcp", "udp")
    return [a + b + (port_a + port_b if has_ports else b"") for (a, port_a), (b, port_b) in (ends, ends[::-1])]


def _packets(capture: Path) -> Iterator[tuple[float, bytes]]:
    """Time and bytes of each packet."""
    data = capture.read_bytes()
    order, unit = ("<", 1e6) if data.startswith(b"\xd4\xc3\xb2\xa1") else ("<", 1e9)
    at = 24
    while at + 16 <= len(data):
        seconds, fraction, length, _ = struct.unpack_from(f"{order}4I", data, at)
        yield seconds + fraction / unit, data[at + 16 : at + 16 + length]
        at += 16 + length
