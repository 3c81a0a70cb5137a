"""The window of the last connections, at any age: columns 32 to 41.

    connections in order of (destination host, time)
      host .12          host .13        host .14
    ● ● ● ● ● ● ● │ ● ● ● ● ● ● │ ● ● ● ● ● ◉ │ ...      ◉ the current connection
        └────────────── 255 ────────────────┘

KDD sorted the connections by destination host and took the last 255, the current one included. A host with a long
history fills the window alone. Otherwise the hosts just below it in address order fill the rest, so
`dst_host_srv_count` can exceed `dst_host_count`. The evidence is in docs/decisions/0002-kdd-windows.md.

KDD used the whole recording. A sensor sees the neighbours only as they are at that moment.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter, deque
from functools import lru_cache
from ipaddress import ip_address
from itertools import islice

from sensor.tally import Observed, Tally, discount, rate, spread

WINDOW_CONNECTIONS = 255
"""Connections in the window, the current one included."""
MAX_HOSTS = 10_000
"""Destination hosts kept; beyond this number, the host with the longest silence is dropped."""


class _Host:
    """The last connections to one host."""

    def __init__(self, connections: int) -> None:
        self._connections = connections
        self.entries: deque[Observed] = deque()
        self.tally = Tally()
        self.source_ports: Counter[str] = Counter()
        self.services: dict[str, Tally] = {}

    def add(self, seen: Observed) -> None:
        if len(self.entries) == self._connections:
            self._forget(self.entries.popleft())
        self.entries.append(seen)
        self.tally.add(seen, seen.service)
        self.source_ports[str(seen.source_port)] += 1
        self.services.setdefault(seen.service, Tally()).add(seen, seen.host)

    def _forget(self, seen: Observed) -> None:
        self.tally.remove(seen, seen.service)
        discount(self.source_ports, str(seen.source_port))
        service = self.services[seen.service]
        service.remove(seen, seen.host)
        if not service.total:
            del self.services[seen.service]

    def last(self, number: int, service: str) -> Tally:
        """The tally of one service among the host's last `number` connections."""
        if number >= len(self.entries):
            return self.services.get(service) or Tally()
        tally = Tally()
        for seen in islice(reversed(self.entries), number):
            if seen.service == service:
                tally.add(seen, seen.host)
        return tally


class HostHistory:
    """The last connections of every destination host, in address order."""

    def __init__(self, connections: int = WINDOW_CONNECTIONS, max_hosts: int = MAX_HOSTS) -> None:
        self._connections, self._max_hosts = connections, max_hosts
        self._hosts: dict[str, _Host] = {}  # the host with the longest silence comes first
        self._order: list[tuple[int, int, str]] = []

    def add(self, seen: Observed) -> tuple[int | float, ...]:
        """Add the current connection and return its columns 32 to 41, whose names begin with `dst_host_`."""
        host = self._visit(seen.host)
        host.add(seen)
        of_host = host.tally
        same_service = of_host.keys[seen.service]
        service = self._service(seen, host)
        return (
            of_host.total,
            service.total,
            rate(same_service, of_host.total),
            spread(of_host),
            rate(host.source_ports[str(seen.source_port)], of_host.total),
            spread(service),
            rate(of_host.syn_errors, of_host.total),
            rate(service.syn_errors, service.total),
            rate(of_host.reject_errors, of_host.total),
            rate(service.reject_errors, service.total),
        )

    def _visit(self, address: str) -> _Host:
        host = self._hosts.pop(address, None)
        if host is None:
            if len(self._hosts) >= self._max_hosts:
                longest_silent = next(iter(self._hosts))
                del self._hosts[longest_silent]
                del self._order[bisect_left(self._order, _sort_key(longest_silent))]
            host = _Host(self._connections)
            insort(self._order, _sort_key(address))
        self._hosts[address] = host
        return host

    def _service(self, seen: Observed, host: _Host) -> Tally:
        """The tally of the current service over the whole window: the host itself, then the hosts below it."""
        tally = Tally()
        tally.merge(host.services[seen.service])
        room = self._connections - host.tally.total
        position = bisect_left(self._order, _sort_key(seen.host))
        while room > 0 and position > 0:
            position -= 1
            neighbour = self._hosts[self._order[position][2]]
            tally.merge(neighbour.last(room, seen.service))
            room -= len(neighbour.entries)
        return tally


@lru_cache(maxsize=MAX_HOSTS)
def _sort_key(address: str) -> tuple[int, int, str]:
    parsed = ip_address(address)
    return parsed.version, int(parsed), address
