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
from collections.abc import Sequence
from ipaddress import ip_address

from sensor.windows.tally import DIFFERENT, ONE, REJECT_ERROR, SYN_ERROR, subtract

BLOCK_HOSTS = 32
"""Largest number of hosts in a block. Near the square root of twice the window, which makes the steps fewest."""

COUNTS = (ONE, ONE + SYN_ERROR, ONE + REJECT_ERROR)
"""The counts that a connection can have."""


class _Kinds(dict[str, str]):
    """The characters of each service, one for each of `COUNTS`: one character is a kind of connection.

    Python counts a character in a text fast, and stores it in one or two bytes. A network has at most some 130,000
    services, which are names and ports, so the characters do not run out.
    """

    def __init__(self) -> None:
        super().__init__()
        self.all: list[tuple[str, int]] = []
        """Service and counts, by the number of the character."""

    def __missing__(self, service: str) -> str:
        first = len(self.all)
        self.all += [(service, counts) for counts in COUNTS]
        characters = self[service] = "".join(map(chr, range(first, len(self.all))))
        return characters


_KINDS = _Kinds()
_PLACES = {counts: place for place, counts in enumerate(COUNTS)}


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
        self.kinds = ""
        """Its connections, the oldest first, as characters of `_Kinds`."""
        self._ports = ""
        """Their source ports, each as the character of that number."""
        self.counts = 0
        self.services: dict[str, int] = {}

    def add(self, service: str, counts: int, source_port: int) -> None:
        """Add a connection; the oldest one leaves if there are too many."""
        if len(self.kinds) == self._connections:
            self._forget(*_KINDS.all[ord(self.kinds[0])])
            self.kinds, self._ports = self.kinds[1:], self._ports[1:]
        self.kinds += _KINDS[service][_PLACES[counts]]
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
        """The counts of one service among the host's last `number` connections, of which it has more."""
        kinds, characters = self.kinds[len(self.kinds) - number :], _KINDS[service]
        counts = kinds.count(characters[0]) * COUNTS[0]
        if self.counts >= SYN_ERROR:
            counts += kinds.count(characters[1]) * COUNTS[1] + kinds.count(characters[2]) * COUNTS[2]
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
        hosts = host.block.hosts
        counts, number = _walk(hosts[: hosts.index(host)], number, service)
        if not number:
            return counts
        for block in reversed(self._blocks[: self._block_of(host)]):
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


def _key(host: Host) -> tuple[int, int, str]:
    return host.key


def _first_key(block: Block) -> tuple[int, int, str]:
    return block.hosts[0].key
