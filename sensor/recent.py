"""The window of the last two seconds: columns 23 to 31.

    now - 2 s                        now
        │  ●  ●    ●  ●●●    ●   ●   ◉     ◉ the current connection, which counts itself
        └─ at most 511 connections ──┘

`count` and its rates count connections to the current host; `srv_count` and its rates those to the current service.
The rules and the evidence for them are in docs/decisions/0002-kdd-windows.md.
"""

from __future__ import annotations

from collections import deque

from sensor.tally import Observed, Tally, rate, spread

WINDOW_S = 2.0
"""Seconds that a connection stays in the window."""
WINDOW_CONNECTIONS = 511
"""Largest number of connections in the window, the current one included."""


class RecentConnections:
    """The connections of the last two seconds, counted by host and by service."""

    def __init__(self, connections: int = WINDOW_CONNECTIONS) -> None:
        self._connections = connections
        self._window: deque[Observed] = deque()
        self._hosts: dict[str, Tally] = {}
        self._services: dict[str, Tally] = {}

    def add(self, seen: Observed) -> tuple[int | float, ...]:
        """Add the current connection and return its columns 23 to 31, `count` to `srv_diff_host_rate`."""
        while self._window and (seen.at_s - self._window[0].at_s > WINDOW_S or len(self._window) >= self._connections):
            self._forget(self._window.popleft())
        self._window.append(seen)
        host = self._hosts.setdefault(seen.host, Tally())
        service = self._services.setdefault(seen.service, Tally())
        host.add(seen, seen.service)
        service.add(seen, seen.host)
        return (
            host.total,
            service.total,
            rate(host.syn_errors, host.total),
            rate(service.syn_errors, service.total),
            rate(host.reject_errors, host.total),
            rate(service.reject_errors, service.total),
            rate(host.keys[seen.service], host.total),
            spread(host),
            spread(service),
        )

    def _forget(self, seen: Observed) -> None:
        host, service = self._hosts[seen.host], self._services[seen.service]
        host.remove(seen, seen.service)
        service.remove(seen, seen.host)
        if not host.total:
            del self._hosts[seen.host]
        if not service.total:
            del self._services[seen.service]
