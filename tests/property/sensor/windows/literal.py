"""The definitions of docs/decisions/0002-kdd-windows.md, read literally: plain lists, searched for every record."""

from __future__ import annotations

from functools import cache
from ipaddress import ip_address

from sensor.connection import REJECT_ERRORS, SYN_ERRORS, Connection
from sensor.windows.features import Columns


class Literal:
    """Keeps every connection and computes each column by looking at all of them."""

    def __init__(self, *, recent: int = 511, history: int = 255, max_hosts: int = 10_000) -> None:
        self._recent, self._history, self._max_hosts = recent, history, max_hosts
        self._past: list[Connection] = []

    def observe(self, me: Connection) -> Columns:
        """The 19 window columns of the next connection."""
        self._past.append(me)
        self._forget_silent_host()
        host, service, old_host, old_service = self.groups().values()
        return (
            len(host),
            len(service),
            failed(host, SYN_ERRORS),
            failed(service, SYN_ERRORS),
            failed(host, REJECT_ERRORS),
            failed(service, REJECT_ERRORS),
            share(sum(item.service_key == me.service_key for item in host), len(host)),
            different([item.service_key for item in host]),
            different([item.destination for item in service]),
            len(old_host),
            len(old_service),
            share(sum(item.service_key == me.service_key for item in old_host), len(old_host)),
            different([item.service_key for item in old_host]),
            share(sum(item.source_port == me.source_port for item in old_host), len(old_host)),
            different([item.destination for item in old_service]),
            failed(old_host, SYN_ERRORS),
            failed(old_service, SYN_ERRORS),
            failed(old_host, REJECT_ERRORS),
            failed(old_service, REJECT_ERRORS),
        )

    def groups(self) -> dict[str, list[Connection]]:
        """The connections that the columns of the last connection count."""
        me = self._past[-1]
        window = [item for item in self._past if me.ended_s - item.ended_s <= 2.0][-self._recent :]
        by_host = sorted(self._past, key=lambda item: address_key(item.destination))  # stable: by time within a host
        last = max(index for index, item in enumerate(by_host) if item is me)
        lookback = by_host[: last + 1][-self._history :]
        return {
            "recent_host": [item for item in window if item.destination == me.destination],
            "recent_service": [item for item in window if item.service_key == me.service_key],
            "history_host": [item for item in lookback if item.destination == me.destination],
            "history_service": [item for item in lookback if item.service_key == me.service_key],
        }

    def _forget_silent_host(self) -> None:
        """Only so many hosts are known. The one with the longest silence goes, with everything that it received.

        The first window has nothing of it any more: the tests that reach this limit keep the windows apart.
        """
        latest = {item.destination: index for index, item in enumerate(self._past)}
        if len(latest) > self._max_hosts:
            silent = min(latest, key=lambda host: latest[host])
            self._past = [item for item in self._past if item.destination != silent]


@cache
def address_key(address: str) -> tuple[int, int]:
    parsed = ip_address(address)
    return parsed.version, int(parsed)


def share(part: int, whole: int) -> float:
    return float(f"{part / whole:.2f}")


def failed(window: list[Connection], states: frozenset[str]) -> float:
    return share(sum(item.flag in states for item in window), len(window))


def different(keys: list[str]) -> float:
    return 0.0 if len(set(keys)) == 1 else share(len(set(keys)), len(keys))
