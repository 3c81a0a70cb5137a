"""Compute the 41 KDD columns of a connection, from itself and from the connections before it.

One extractor watches one network: all hosts share its windows, as in KDD.
"""

from __future__ import annotations

from collections.abc import Sequence

from contract.errors import InputError
from sensor.connection import REJECT_ERRORS, SYN_ERRORS, Connection
from sensor.windows import history, recent
from sensor.windows.explain import KeptConnections
from sensor.windows.tally import ONE, REJECT_ERROR, SYN_ERROR

Columns = tuple[str | int | float, ...]
"""41 values in the order of `contract.kdd99.columns.COLUMNS`: words, whole numbers, and rates as floats."""

_COUNTS = dict.fromkeys(SYN_ERRORS, ONE + SYN_ERROR) | dict.fromkeys(REJECT_ERRORS, ONE + REJECT_ERROR)


class FeatureExtractor:
    """Computes the columns of one connection after another. The time per connection does not grow with their number.

    Args:
        recent_connections: largest number of connections in the first window.
        history_connections: number of connections in the second window.
        max_hosts: number of destination hosts that the second window remembers.
        explain: keep the connections in the windows, so that `explain` can name them.
    """

    def __init__(
        self,
        *,
        recent_connections: int = recent.WINDOW_CONNECTIONS,
        history_connections: int = history.WINDOW_CONNECTIONS,
        max_hosts: int = history.MAX_HOSTS,
        explain: bool = False,
    ) -> None:
        self._recent = recent.RecentConnections(recent_connections)
        self._history = history.HostHistory(history_connections, max_hosts)
        self._kept = KeptConnections(recent_connections, history_connections, max_hosts) if explain else None
        self._now_s = float("-inf")

    def observe(self, connection: Connection) -> Columns:
        """Add the next connection and return its 41 columns.

        Raises:
            InputError: it ended before the previous one; the windows need connections in the order of their end.
        """
        at_s, host, service = connection.ended_s, connection.destination, connection.service_key
        if at_s < self._now_s:
            raise InputError(
                f"a connection that ended in second {at_s} came after one of second {self._now_s}; "
                f"sort the connections by their end"
            )
        self._now_s = at_s
        counts = _COUNTS.get(connection.flag, ONE)
        if self._kept is not None:
            self._kept.add(connection)
        return (
            *connection.own_columns(),
            *self._recent.add(at_s, host, service, counts),
            *self._history.add(host, service, counts, connection.source_port),
        )

    def explain(self) -> dict[str, Sequence[Connection]]:
        """The connections that made the window columns of the last record, by the names of `explain.GROUPS`."""
        if self._kept is None:
            raise ValueError("pass explain=True to keep the connections")
        return self._kept.explain()


def csv_line(columns: Columns) -> str:
    """The columns as KDD prints them, without a line break: rates with two decimals, everything else plain."""
    return ",".join(f"{value:.2f}" if isinstance(value, float) else str(value) for value in columns)
