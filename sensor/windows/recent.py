"""The window of the last two seconds: columns 23 to 31.

    now - 2 s                        now
        │  ●  ●    ●  ●●●    ●   ●   ◉     ◉ the current connection, which counts itself
        └─ at most 511 connections ──┘

`count` and its rates count connections to the current host; `srv_count` and its rates those to the current service.
The rules and the evidence for them are in docs/decisions/0002-kdd-windows.md.
"""

from __future__ import annotations

from collections import deque

from sensor.windows.tally import DIFFERENT, RATES, rates, subtract

WINDOW_S = 2.0
"""Seconds that a connection stays in the window."""
WINDOW_CONNECTIONS = 511
"""Largest number of connections in the window, the current one included."""

Pair = tuple[str, str]
"""Host and service."""


class RecentConnections:
    """The connections of the last two seconds, counted by host and by service."""

    def __init__(self, connections: int = WINDOW_CONNECTIONS) -> None:
        self._connections = connections
        self._window: deque[tuple[float, Pair, int]] = deque()
        """Time, host and service, and counts of each."""
        self._hosts: dict[str, int] = {}
        self._services: dict[str, int] = {}
        self._pairs: dict[Pair, int] = {}
        """Number of connections."""

    def add(self, at_s: float, host: str, service: str, counts: int) -> tuple[int | float, ...]:
        """Add the current connection and return its columns 23 to 31, `count` to `srv_diff_host_rate`.

        Args:
            at_s: its time, not before the one of the connection before it.
            host: its destination.
            service: what tells services apart.
            counts: ONE, plus SYN_ERROR or REJECT_ERROR if its state is one.
        """
        window, pair = self._window, (host, service)
        while window and (at_s - window[0][0] > WINDOW_S or len(window) >= self._connections):
            self._forget(*window.popleft())
        window.append((at_s, pair, counts))
        same = self._pairs[pair] = self._pairs.get(pair, 0) + 1
        if same == 1:
            counts += DIFFERENT
        of_host = self._hosts[host] = self._hosts.get(host, 0) + counts
        of_service = self._services[service] = self._services.get(service, 0) + counts
        count, syn_errors, reject_errors, services = rates(of_host)
        srv_count, srv_syn_errors, srv_reject_errors, hosts = rates(of_service)
        return (
            count,
            srv_count,
            syn_errors,
            srv_syn_errors,
            reject_errors,
            srv_reject_errors,
            RATES[count][same],
            services,
            hosts,
        )

    def _forget(self, _at_s: float, pair: Pair, counts: int) -> None:
        same = self._pairs[pair]
        if same == 1:
            del self._pairs[pair]
            counts += DIFFERENT
        else:
            self._pairs[pair] = same - 1
        host, service = pair
        subtract(self._hosts, host, counts)
        subtract(self._services, service, counts)
