"""The last connections of every destination host, with the hosts in order of their address.

    block        block                block
    ┌─────────┐  ┌─────────────────┐  ┌─────────────┐
    │ .1 .2 .5│  │ .9 .12 .13 .14  │  │ .20 .21 .30 │     each host: its last 255 connections
    └─────────┘  └─────────────────┘  └─────────────┘     each host and each block: counts by service

The second window ends at a host and reaches down over the hosts below it until it has 255 connections. Hosts of one
connection each would be 255 steps; whole blocks count as one step each, so it is about 35.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import ip_address
from itertools import islice

from sensor.windows.tally import DIFFERENT, subtract

BLOCK_HOSTS = 32
"""Largest number of hosts in a block. Near the square root of twice the window, which makes the steps fewest."""

Kind = tuple[str, int]
"""Service and counts of a connection: what the window tells apart."""


class Host:
    """The last connections to one host."""

    __slots__ = ("_connections", "_ports", "address", "block", "counts", "key", "kinds", "services")

    def __init__(self, address: str, connections: int) -> None:
        parsed = ip_address(address)
        self._connections = connections
        self.address = address
        # Two spellings of one address are two hosts.
        self.key: tuple[int, int, str] = (parsed.version, int(parsed), address)
        self.block: Block
        self.kinds: deque[Kind] = deque()
        self._ports = ""
        """Source ports, each as the character of that number: 510 bytes, and text counts a character fast."""
        self.counts = 0
        self.services: dict[str, int] = {}

    def add(self, service: str, counts: int, source_port: int) -> None:
        """Add a connection; the oldest one leaves if there are too many."""
        if len(self.kinds) == self._connections:
            self._forget(*self.kinds.popleft())
            self._ports = self._ports[1:]
        self.kinds.append(_shared(service, counts))
        self._ports += chr(source_port)
        self.counts += counts
        before = self.services.get(service, 0)
        self.services[service] = before + counts
        self.block.add(service, counts if before else counts + DIFFERENT)

    def _forget(self, service: str, counts: int) -> None:
        self.counts -= counts
        subtract(self.services, service, counts)
        self.block.remove(service, counts if service in self.services else counts + DIFFERENT)

    def from_port(self, source_port: int) -> int:
        """Number of connections from a port."""
        return self._ports.count(chr(source_port))

    def last(self, number: int, service: str) -> int:
        """The counts of one service among the host's last `number` connections."""
        before = len(self.kinds) - number
        if number < before:
            counts = _counts(islice(reversed(self.kinds), number), service)
        else:
            counts = self.services.get(service, 0) - _counts(islice(self.kinds, before), service)
        return counts and counts + DIFFERENT


class Block:
    """Some hosts next to each other in address order."""

    __slots__ = ("connections", "hosts", "services")

    def __init__(self, hosts: Sequence[Host]) -> None:
        self.hosts = list(hosts)
        self.connections = sum(len(host.kinds) for host in hosts)
        self.services: dict[str, int] = {}
        for host in hosts:
            host.block = self
            for service, counts in host.services.items():
                self.services[service] = self.services.get(service, 0) + counts + DIFFERENT

    def add(self, service: str, counts: int) -> None:
        """A host of the block got a connection."""
        self.connections += 1
        self.services[service] = self.services.get(service, 0) + counts

    def remove(self, service: str, counts: int) -> None:
        """A host of the block forgot a connection."""
        self.connections -= 1
        subtract(self.services, service, counts)


class AddressOrder:
    """Hosts in order of their address, in blocks."""

    def __init__(self) -> None:
        self._blocks: list[Block] = []

    def insert(self, host: Host) -> None:
        """Add a host that has no connection yet."""
        if not self._blocks:
            self._blocks.append(Block([host]))
            return
        at = self._block_of(host)
        block = self._blocks[at]
        host.block = block
        block.hosts.insert(bisect_left(block.hosts, host.key, key=_key), host)
        if len(block.hosts) > BLOCK_HOSTS:
            half = len(block.hosts) // 2
            self._blocks[at : at + 1] = [Block(block.hosts[:half]), Block(block.hosts[half:])]

    def remove(self, host: Host) -> None:
        """Remove a host with its connections."""
        block = host.block
        at = self._block_of(host)
        block.hosts.remove(host)
        block.connections -= len(host.kinds)
        for service, counts in host.services.items():
            subtract(block.services, service, counts + DIFFERENT)
        if not block.hosts:
            del self._blocks[at]
        for low in (at, at - 1):
            self._merge(low)

    def below(self, host: Host, number: int, service: str) -> int:
        """The counts of one service among the `number` connections that lie just below a host's."""
        at = self._block_of(host)
        hosts = self._blocks[at].hosts
        counts, number = _walk(hosts[: hosts.index(host)], number, service)
        while number and at:
            at -= 1
            block = self._blocks[at]
            if block.connections > number:
                return counts + _walk(block.hosts, number, service)[0]
            counts += block.services.get(service, 0)
            number -= block.connections
        return counts

    def _block_of(self, host: Host) -> int:
        return max(0, bisect_right(self._blocks, host.key, key=_first_key) - 1)

    def _merge(self, low: int) -> None:
        """Join a block and the next one if they are small, so that two neighbours always have half a block or more."""
        pair = self._blocks[max(low, 0) : low + 2]
        hosts = [host for block in pair for host in block.hosts]
        if len(pair) == 2 and len(hosts) <= BLOCK_HOSTS // 2:
            self._blocks[low : low + 2] = [Block(hosts)]


def _walk(hosts: Sequence[Host], number: int, service: str) -> tuple[int, int]:
    """Counts of the last `number` connections of hosts, from the highest down, and how many connections are missing."""
    counts = 0
    for host in reversed(hosts):
        connections = len(host.kinds)
        if connections > number:
            return counts + host.last(number, service), 0
        found = host.services.get(service)
        if found:
            counts += found + DIFFERENT
        number -= connections
    return counts, number


def _counts(kinds: Iterable[Kind], service: str) -> int:
    return sum([counts for name, counts in kinds if name == service])


@lru_cache(maxsize=65_536)
def _shared(service: str, counts: int) -> Kind:
    """One object for all connections of a kind: millions are held, of few kinds."""
    return service, counts


def _key(host: Host) -> tuple[int, int, str]:
    return host.key


def _first_key(block: Block) -> tuple[int, int, str]:
    return block.hosts[0].key
