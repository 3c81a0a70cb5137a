"""The connections behind the columns of one record, for `oversight sense --explain`.

The windows keep counts. To name what was counted, these lists keep the connections themselves, and the windows are read
from them as they are defined. That takes more memory and is slow for each record that is explained.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from sensor.connection import Connection
from sensor.windows.recent import WINDOW_S


@dataclass(frozen=True, slots=True)
class Group:
    """Columns that count the same connections."""

    meaning: str
    columns: tuple[str, ...]


GROUPS: Mapping[str, Group] = {
    "recent_host": Group(
        "the last two seconds, to the same host",
        ("count", "serror_rate", "rerror_rate", "same_srv_rate", "diff_srv_rate"),
    ),
    "recent_service": Group(
        "the last two seconds, to the same service",
        ("srv_count", "srv_serror_rate", "srv_rerror_rate", "srv_diff_host_rate"),
    ),
    "history_host": Group(
        "the last connections, to the same host",
        (
            "dst_host_count",
            "dst_host_same_srv_rate",
            "dst_host_diff_srv_rate",
            "dst_host_same_src_port_rate",
            "dst_host_serror_rate",
            "dst_host_rerror_rate",
        ),
    ),
    "history_service": Group(
        "the last connections to the host and the hosts below it, to the same service",
        ("dst_host_srv_count", "dst_host_srv_diff_host_rate", "dst_host_srv_serror_rate", "dst_host_srv_rerror_rate"),
    ),
}
"""The four groups of the window columns."""


class KeptConnections:
    """The connections that the windows can count."""

    def __init__(self, recent_connections: int, history_connections: int, max_hosts: int) -> None:
        self._history_connections, self._max_hosts = history_connections, max_hosts
        self._recent: deque[Connection] = deque(maxlen=recent_connections)
        self._hosts: OrderedDict[str, deque[Connection]] = OrderedDict()

    def add(self, connection: Connection) -> None:
        """Keep the next connection."""
        self._recent.append(connection)
        if connection.destination not in self._hosts and len(self._hosts) >= self._max_hosts:
            self._hosts.popitem(last=False)
        self._hosts.setdefault(connection.destination, deque(maxlen=self._history_connections)).append(connection)
        self._hosts.move_to_end(connection.destination)

    def explain(self) -> dict[str, Sequence[Connection]]:
        """The connections in each of `GROUPS` for the connection that was added last, which is in all of them."""
        last = self._recent[-1]
        recent = [item for item in self._recent if last.ended_s - item.ended_s <= WINDOW_S]
        history = self._history(last.destination)
        return {
            "recent_host": _same_host(recent, last),
            "recent_service": _same_service(recent, last),
            "history_host": _same_host(history, last),
            "history_service": _same_service(history, last),
        }

    def _history(self, destination: str) -> list[Connection]:
        """The last connections in order of (host, time), up to the one that was added last."""
        highest = _sort_key(destination)
        hosts = sorted((host for host in self._hosts if _sort_key(host) <= highest), key=_sort_key)
        placed = [item for host in hosts for item in self._hosts[host]]
        return placed[-self._history_connections :]


def _same_host(window: Sequence[Connection], last: Connection) -> list[Connection]:
    return [item for item in window if item.destination == last.destination]


def _same_service(window: Sequence[Connection], last: Connection) -> list[Connection]:
    return [item for item in window if item.service_key == last.service_key]


def _sort_key(address: str) -> tuple[int, int, str]:
    parsed = ip_address(address)
    return parsed.version, int(parsed), address
