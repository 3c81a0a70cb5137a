"""Connections a second of the feature engine, and whether one costs more after ten million than after ten thousand.

python -m benchmarks.sensor.engine_bench [--connections 10000000] [--only flood,servers,web,sweep,scan]

    flood      SYNs to one host, 20 to a port, a millisecond apart
    servers    clients of 50 servers with four services
    web        pages of 5,000 web hosts outside: each has a short history at first, so the window spans many hosts
    sweep      echo requests to 10,000 hosts in turn
    scan       300 unnamed ports of 10,000 hosts, host after host: the most memory that the engine can need

A point is the median of five times 10,000 connections that follow it, in processor time; reading the connections is not
part of it. `late / early` is the cost at the last point divided by the cost after 10,000.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from sensor.connection import Connection
from sensor.windows.features import FeatureExtractor

CHUNK = 10_000
CHUNKS = 5
POINTS = (10_000, 100_000, 1_000_000, 10_000_000)
STEP_S = 0.001


def main() -> None:
    """Print one line for each workload and point."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--connections", type=int, default=1_000_000, help="the last point")
    parser.add_argument("--only", default=",".join(WORKLOADS), help="workloads, separated by commas")
    arguments = parser.parse_args()
    sys.stdout.write("workload   connections   connections/s   memory MB\n")
    for name in arguments.only.split(","):
        costs, chance = [], random.Random(1)  # noqa: S311  no secret
        for point, cost_s in measure(WORKLOADS[name](chance), arguments.connections):
            costs.append(cost_s)
            sys.stdout.write(f"{name:10} {point:11,} {1 / cost_s:15,.0f} {memory_mb():11.0f}\n")
            sys.stdout.flush()
        sys.stdout.write(f"{name:10} late / early {costs[-1] / costs[0]:.2f}\n")


def measure(connections: Iterator[Connection], last: int) -> Iterator[tuple[int, float]]:
    """Seconds of processor time a connection after each point."""
    extractor, done = FeatureExtractor(), 0
    for point in sorted({*(point for point in POINTS if point < last), last}):
        while done < point:
            for connection in itertools.islice(connections, CHUNK):
                extractor.observe(connection)
            done += CHUNK
        taken_s = []
        for _ in range(CHUNKS):
            chunk = list(itertools.islice(connections, CHUNK))
            began_s = time.process_time()
            for connection in chunk:
                extractor.observe(connection)
            taken_s.append(time.process_time() - began_s)
            done += CHUNK
        yield point, statistics.median(taken_s) / CHUNK


def memory_mb() -> float:
    """Resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def flood(chance: random.Random) -> Iterator[Connection]:
    """One host; the ports change slowly."""
    for number in itertools.count():
        port = number // 20 % 1023 + 1
        yield _tcp(number, "172.16.1.5", port, "private", chance, flag="S0")


def servers(chance: random.Random) -> Iterator[Connection]:
    """Any of 50 servers."""
    services = ((80, "http"), (25, "smtp"), (443, "http_443"), (22, "ssh"))
    for number in itertools.count():
        port, service = chance.choice(services)
        yield _tcp(number, f"172.16.2.{chance.randrange(50)}", port, service, chance)


def web(chance: random.Random) -> Iterator[Connection]:
    """Any of 5,000 hosts outside."""
    for number in itertools.count():
        host = chance.randrange(5000)
        yield _tcp(number, f"198.18.{host >> 8}.{host & 255}", 80, "http", chance)


def sweep(_chance: random.Random) -> Iterator[Connection]:
    """Each of 10,000 hosts in turn."""
    for number in itertools.count():
        host = number % 10_000
        yield Connection(
            started_s=number * STEP_S,
            ended_s=number * STEP_S,
            source="192.0.2.1",
            source_port=8,
            destination=f"10.0.{host >> 8}.{host & 255}",
            destination_port=0,
            protocol_type="icmp",
            service="eco_i",
            src_bytes=8,
        )


def scan(chance: random.Random) -> Iterator[Connection]:
    """300 ports of each of 10,000 hosts."""
    for number in itertools.count():
        host, port = number // 300 % 10_000, number % 300 + 600
        yield _tcp(number, f"10.0.{host >> 8}.{host & 255}", port, "private", chance, flag="REJ")


def _tcp(number: int, host: str, port: int, service: str, chance: random.Random, *, flag: str = "SF") -> Connection:
    return Connection(
        started_s=number * STEP_S,
        ended_s=number * STEP_S,
        source="192.0.2.1",
        source_port=chance.randrange(1024, 65536),
        destination=host,
        destination_port=port,
        protocol_type="tcp",
        service=service,
        flag=flag,
    )


WORKLOADS: dict[str, Callable[[random.Random], Iterator[Connection]]] = {
    "flood": flood,
    "servers": servers,
    "web": web,
    "sweep": sweep,
    "scan": scan,
}


if __name__ == "__main__":
    main()
