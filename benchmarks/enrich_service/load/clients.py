"""Load over plain sockets, so that the client uses as little processor time as possible.

closed(...)  closed loop: n connections, each sends the next request after its answer   ──▶ highest rate of a server
paced(...)   open loop: requests at random times that are drawn before                  ──▶ latency since the due time
"""

from __future__ import annotations

import socket
import statistics
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.enrich_service.load.processes import Server

BUFFER_BYTES = 1 << 20
WARM_S = 0.5


@dataclass(frozen=True)
class Rate:
    """Rate of a server in a closed loop."""

    per_s: float
    """Requests a second."""
    per_cpu_s: float
    """Requests for each second of processor time that the server used."""
    requests: int


def request(path: str, body: bytes) -> bytes:
    """The bytes of a POST request."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: "
        f"{len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Connection:
    """A connection that stays open."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, asked: bytes) -> bytes:
        """Send a request; returns the body of the answer.

        Raises:
            RuntimeError: the status is not 200.
        """
        self._socket.sendall(asked)
        found = bytearray()
        while (end := found.find(b"\r\n\r\n")) < 0:
            found += self._receive()
        head = bytes(found[:end]).lower()
        if not head.startswith(b"http/1.1 200"):
            raise RuntimeError(f"answered {head[:60]!r}")
        length = int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        while len(found) < end + 4 + length:
            found += self._receive()
        return bytes(found[end + 4 :])

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def _receive(self) -> bytes:
        part = self._socket.recv(BUFFER_BYTES)
        if not part:
            raise RuntimeError("the server closed the connection")
        return part


def closed(server: Server, requests: Sequence[bytes], *, seconds: float, connections: int) -> Rate:
    """Send requests as fast as a server answers.

    Args:
        server: the server to measure.
        requests: sent in turn; each connection starts with another one.
        seconds: duration.
        connections: number of connections at the same time.
    """
    counts = [0] * connections
    failures: list[Exception] = []
    end = time.perf_counter() + seconds

    def work(number: int) -> None:
        connection = Connection(server.port)
        try:
            place = number
            while time.perf_counter() < end:
                connection.ask(requests[place % len(requests)])
                counts[number] += 1
                place += connections
        except (OSError, RuntimeError) as error:
            failures.append(error)
        finally:
            connection.close()

    began, cpu_s = time.perf_counter(), server.cpu_s()
    _together(work, connections, failures)
    return Rate(
        sum(counts) / (time.perf_counter() - began), sum(counts) / max(server.cpu_s() - cpu_s, 1e-9), sum(counts)
    )


def in_turn(
    asked: Sequence[tuple[Server, Sequence[bytes]]], *, seconds: float, rounds: int, connections: int
) -> list[list[Rate]]:
    """The rates of servers that take turns, in reverse order in every other round, after a short warm-up round.

    Args:
        asked: each server with its requests; each round continues where the round before ended.
        seconds: duration for each server in each round.
        rounds: number of rounds.
        connections: number of connections at the same time.
    """
    rates: list[list[Rate]] = [[] for _ in asked]
    places = [0] * len(asked)
    for turn in range(rounds + 1):
        in_order = list(enumerate(asked))
        for number, (server, requests) in in_order[:: -1 if turn % 2 else 1]:
            ordered = [*requests[places[number] :], *requests[: places[number]]]
            rate = closed(server, ordered, seconds=seconds if turn else WARM_S, connections=connections)
            places[number] = (places[number] + rate.requests) % len(requests)
            if turn:
                rates[number].append(rate)
    return rates


def compared(ours: Sequence[Rate], other: Sequence[Rate]) -> tuple[float, float]:
    """Median over the rounds of the ratio ours / other, by wall-clock time and by processor time."""
    pairs = list(zip(ours, other, strict=True))
    return statistics.median(a.per_s / b.per_s for a, b in pairs), statistics.median(
        a.per_cpu_s / b.per_cpu_s for a, b in pairs
    )


def ask(server: Server, asked: bytes) -> bytes:
    """Send one request over a new connection; returns the body of the answer."""
    connection = Connection(server.port)
    try:
        return connection.ask(asked)
    finally:
        connection.close()


def paced(
    server: Server, requests: Sequence[bytes], *, per_s: float, seconds: float, connections: int
) -> NDArray[np.float64]:
    """Latencies in seconds of requests at random times, sent whether or not earlier ones have their answer.

    Args:
        server: the server to measure.
        requests: sent in turn.
        per_s: mean rate; the gaps are exponential, as with independent clients.
        seconds: duration.
        connections: number of requests that may be in progress; a further one waits, and its latency includes the wait.
    """
    rng = np.random.default_rng(5)
    due = np.cumsum(rng.exponential(1.0 / per_s, int(per_s * seconds)))
    latency_s = np.zeros(len(due))
    failures: list[Exception] = []
    turn = iter(range(len(due)))
    lock = threading.Lock()
    began = time.perf_counter() + 0.1

    def work(_: int) -> None:
        connection = Connection(server.port)
        try:
            while True:
                with lock:
                    place = next(turn, None)
                if place is None:
                    return
                time.sleep(max(0.0, began + due[place] - time.perf_counter()))
                connection.ask(requests[place % len(requests)])
                latency_s[place] = time.perf_counter() - began - due[place]
        except (OSError, RuntimeError) as error:
            failures.append(error)
        finally:
            connection.close()

    _together(work, connections, failures)
    return latency_s


def _together(work: Callable[[int], None], n: int, failures: list[Exception]) -> None:
    threads = [threading.Thread(target=work, args=(number,)) for number in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
