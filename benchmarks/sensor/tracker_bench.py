"""How many packets a second the tracker of connections takes on one core, and how much memory a SYN flood costs.

python -m benchmarks.sensor.tracker_bench [--packets N] [--half-open N]

    made-up capture ──▶ file ──▶ files.py ──▶ tracker.py ──▶ flows      packets/s, by processor time
    SYNs, each of another source, faster than they time out ──▶ tracker.py ──▶ flows      peak memory of a process

The traffic is mixed: web requests with answers of several packets, retransmissions, DNS, pings, refused and half open
connections, uploads. All of it is written by `sensor/capture/write.py`.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from sensor.capture.counts import Counts
from sensor.capture.files import read
from sensor.capture.packet import Packet
from sensor.capture.tracker import track
from sensor.capture.write import ACK, FIN, RST, SYN, CaptureWriter, icmp, tcp, udp

START_S = 1_700_000_000.0
SECOND_NS = 1_000_000_000
GOAL = 20_000
Timed = tuple[float, bytes]


def mixed(rng: random.Random, packets: int) -> list[Timed]:
    """Packets of many exchanges, in the order of their times."""
    made: list[Timed] = []
    while len(made) < packets:
        began_s = START_S + len(made) / 2000
        client, server = f"10.1.{rng.randrange(8)}.{rng.randrange(1, 255)}", f"192.0.2.{rng.randrange(1, 255)}"
        port = rng.randrange(32768, 61000)
        kind = rng.choices((_web, _dns, _ping, _refused, _half_open, _upload), (40, 25, 10, 8, 7, 10))[0]
        made += kind(rng, began_s, client, port, server)
    return sorted(made[:packets], key=lambda item: item[0])


def _web(rng: random.Random, at: float, client: str, port: int, server: str) -> list[Timed]:
    """A request, an answer of some packets with a retransmission now and then, and the end."""
    mine, its, number = 1000, 9000, 0
    made = []

    def send(flags: int, *, up: bool, data: bytes = b"") -> None:
        nonlocal mine, its, number
        ends = (client, port, server, 443) if up else (server, 443, client, port)
        sequence, acknowledged = (mine, its) if up else (its, mine)
        made.append(
            (at + number * 0.01, tcp(*ends, flags=flags, sequence=sequence, acknowledged=acknowledged, data=data))
        )
        number += 1
        moved = len(data) + (1 if flags & (SYN | FIN) else 0)
        mine, its = (mine + moved, its) if up else (mine, its + moved)

    send(SYN, up=True)
    send(SYN | ACK, up=False)
    send(ACK, up=True)
    send(ACK, up=True, data=bytes(rng.randrange(200, 900)))
    for _ in range(rng.randrange(1, 12)):
        send(ACK, up=False, data=bytes(1400))
        if rng.random() < 0.02:
            made.append((at + number * 0.01, made[-1][1]))
        if rng.random() < 0.5:
            send(ACK, up=True)
    send(FIN | ACK, up=False)
    send(FIN | ACK, up=True)
    send(ACK, up=False)
    return made


def _upload(rng: random.Random, at: float, client: str, port: int, server: str) -> list[Timed]:
    made = _web(rng, at, client, port, server)
    data = bytes(1400)
    sequence = 2000
    for number in range(40):
        sequence += len(data)
        packet = tcp(client, port, server, 443, flags=ACK, sequence=sequence, acknowledged=9001, data=data)
        made.append((at + 0.2 + number * 0.001, packet))
    return made


def _dns(rng: random.Random, at: float, client: str, port: int, server: str) -> list[Timed]:
    question, answer = udp(client, port, server, 53, data=bytes(40)), udp(server, 53, client, port, data=bytes(120))
    return [(at, question), (at + rng.random() / 10, answer)]


def _ping(rng: random.Random, at: float, client: str, _port: int, server: str) -> list[Timed]:
    made = []
    for number in range(rng.randrange(1, 5)):
        made.append((at + number, icmp(client, server, kind=8, rest=number, data=bytes(56))))
        made.append((at + number + 0.02, icmp(server, client, kind=0, rest=number, data=bytes(56))))
    return made


def _refused(rng: random.Random, at: float, client: str, port: int, server: str) -> list[Timed]:
    to = rng.randrange(1, 1024)
    refusal = tcp(server, to, client, port, flags=RST | ACK, acknowledged=1001)
    return [(at, tcp(client, port, server, to, flags=SYN, sequence=1000)), (at + 0.001, refusal)]


def _half_open(_rng: random.Random, at: float, client: str, port: int, server: str) -> list[Timed]:
    syn = tcp(client, port, server, 80, flags=SYN, sequence=1000)
    return [(at, syn), (at + 1, syn), (at + 3, syn)]


def speed(packets: int, folder: Path) -> float:
    """Packets a second of processor time, from the file to the flows."""
    path = folder / "mixed.pcap"
    with CaptureWriter(path) as capture:
        for time_s, packet in mixed(random.Random(1), packets):  # noqa: S311  made-up traffic, no secret
            capture.write(time_s, packet)
    counts = Counts()
    began = time.process_time()
    flows = sum(map(len, track(read([path], counts), counts)))
    spent = time.process_time() - began
    sys.stdout.write(
        f"mixed traffic: {counts.packets:,} packets, {path.stat().st_size:,} bytes, {flows:,} flows and messages\n"
    )
    sys.stdout.write(f"  {spent:.2f} s of processor time, {packets / spent:,.0f} packets/s (goal {GOAL:,})\n")
    return packets / spent


def flood(half_open: int) -> Iterator[Packet]:
    """SYNs of as many sources, 250,000 a second: none times out before most are there."""
    ethernet = bytes(12) + b"\x08\x00"
    syn = tcp("10.0.0.0", 1024, "192.0.2.1", 80, flags=SYN, sequence=7)
    for number in range(half_open):
        source = (0x0A000000 + number // 4).to_bytes(4, "big")
        port = (1024 + number % 4).to_bytes(2, "big")
        data = ethernet + syn[:12] + source + syn[16:20] + port + syn[22:]
        yield Packet(int(START_S) * SECOND_NS + number * 4000, 1, data, len(data))


def _peak_mb() -> int:
    """The most memory that this process had so far."""
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) // 1024


def measure_flood(half_open: int) -> None:
    """Runs in a process of its own, so that its peak of memory is that of the flood."""
    before = _peak_mb()
    counts = Counts()
    began = time.process_time()
    flows = sum(map(len, track(flood(half_open), counts)))
    spent = time.process_time() - began
    sys.stdout.write(
        f"SYN flood: {half_open:,} half open connections, {flows:,} flows, {half_open / spent:,.0f} packets/s\n"
    )
    sys.stdout.write(f"  peak memory {_peak_mb()} MB, {before} MB before; {'; '.join(counts.lines())}\n")


def main() -> None:
    """Measure the speed here and each flood in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packets", type=int, default=400_000)
    parser.add_argument("--half-open", type=int, default=1_000_000)
    parser.add_argument("--flood", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.flood:
        measure_flood(arguments.flood)
        return
    with tempfile.TemporaryDirectory() as folder:
        reached = speed(arguments.packets, Path(folder))
    for half_open in (arguments.half_open // 4, arguments.half_open):
        subprocess.run([sys.executable, "-m", "benchmarks.sensor.tracker_bench", "--flood", str(half_open)], check=True)
    sys.exit(reached < GOAL)


if __name__ == "__main__":
    main()
