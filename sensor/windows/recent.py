"""The window of the last two seconds: columns 23 to 31.

    now - 2 s                        now
        │  ●  ●    ●  ●●●    ●   ●   ◉     ◉ the current connection, which counts itself
        └─ at most 511 connections ──┘

`count` and its rates count connections to the current host; `srv_count` and its rates those to the current service.
The rules and the evidence for them are in docs/decisions/0002-kdd-windows.md.
"""

from __future__ import annotations

from collections import deque

from sensor.windows.tally import DIFFERENT, Observed, rate, reject_error_rate, spread, subtract, syn_error_rate, total

WINDOW_S = 2.0
"""Seconds that a connection stays in the window."""
WINDOW_CONNECTIONS = 511
"""Largest number of connections in the window, the current one included."""


class RecentConnections:
    """The connections of the last two seconds, counted by host and by service."""

    def __init__(self, connections: int = WINDOW_CONNECTIONS) -> None:
        self._connections = connections
        self._window: deque[Observed] = deque()
        self._hosts: dict[str, int] = {}
        self._services: dict[str, int] = {}
        self._pairs: dict[tuple[str, str], int] = {}
        """Connections by (host, service)."""

    def add(self, seen: Observed) -> tuple[int | float, ...]:
        """Add the current connection and return its columns 23 to 31, `count` to `srv_diff_host_rate`."""
        window = self._window
        while window and (seen.at_s - window[0].at_s > WINDOW_S or len(window) >= self._connections):
            self._forget(window.popleft())
        window.append(seen)
        pair = (seen.host, seen.service)
        same = self._pairs[pair] = self._pairs.get(pair, 0) + 1
        counts = seen.counts if same > 1 else seen.counts + DIFFERENT
        host = self._hosts[seen.host] = self._hosts.get(seen.host, 0) + counts
        service = self._services[seen.service] = self._services.get(seen.service, 0) + counts
        return (
            total(host),
            total(service),
            syn_error_rate(host),
            syn_error_rate(service),
            reject_error_rate(host),
            reject_error_rate(service),
            rate(same, total(host)),
            spread(host // DIFFERENT, total(host)),
            spread(service // DIFFERENT, total(service)),
        )

    def _forget(self, seen: Observed) -> None:
        pair, counts = (seen.host, seen.service), seen.counts
        self._pairs[pair] -= 1
        if not self._pairs[pair]:
            del self._pairs[pair]
            counts += DIFFERENT
        subtract(self._hosts, seen.host, counts)
        subtract(self._services, seen.service, counts)
