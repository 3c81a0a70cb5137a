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

from collections import OrderedDict

from sensor.windows.address_order import AddressOrder, Host
from sensor.windows.tally import DIFFERENT, MASK, RATES, rates, spread

WINDOW_CONNECTIONS = 255
"""Connections in the window, the current one included."""
MAX_HOSTS = 10_000
"""Destination hosts kept; beyond this number, the host with the longest silence is dropped."""


class HostHistory:
    """The last connections of every destination host, in address order."""

    def __init__(self, connections: int = WINDOW_CONNECTIONS, max_hosts: int = MAX_HOSTS) -> None:
        self._connections, self._max_hosts = connections, max_hosts
        self._hosts: OrderedDict[str, Host] = OrderedDict()  # the host with the longest silence comes first
        self._order = AddressOrder()

    def add(self, address: str, service: str, counts: int, source_port: int) -> tuple[int | float, ...]:
        """Add the current connection and return its columns 32 to 41, whose names begin with `dst_host_`."""
        host = self._visit(address)
        host.add(service, counts, source_port)
        of_service = host.services[service]
        same = of_service & MASK
        of_service += DIFFERENT
        missing = self._connections - len(host.kinds)
        if missing:
            of_service += self._order.below(host, missing, service)
        count, syn_errors, reject_errors, _ = rates(host.counts)
        srv_count, srv_syn_errors, srv_reject_errors, hosts = rates(of_service)
        shares = RATES[count]
        return (
            count,
            srv_count,
            shares[same],
            spread(len(host.services), shares),
            shares[host.from_port(source_port)],
            hosts,
            syn_errors,
            srv_syn_errors,
            reject_errors,
            srv_reject_errors,
        )

    def _visit(self, address: str) -> Host:
        host = self._hosts.get(address)
        if host is not None:
            self._hosts.move_to_end(address)
            return host
        host = Host(address, self._connections)
        if len(self._hosts) >= self._max_hosts:
            self._order.remove(self._hosts.popitem(last=False)[1])
        self._order.insert(host)
        self._hosts[address] = host
        return host
