"""The connections that wait for their clients, in the order in which they are closed when there are too many.

The address with the most connections loses first, and of its connections the one that has waited longest. So an
address that opens thousands pushes out only its own. A client that sends its request at once is never the oldest.
"""

from __future__ import annotations

from collections.abc import Iterator

from common.server.connection import Connection


class Waiting:
    """A set of connections, grouped by client address."""

    def __init__(self) -> None:
        self._groups: dict[str, dict[Connection, None]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._groups.values()))

    def __contains__(self, connection: Connection) -> bool:
        return connection in self._groups.get(connection.group, ())

    def __iter__(self) -> Iterator[Connection]:
        """Iterate over a snapshot of all connections."""
        return iter([connection for group in self._groups.values() for connection in group])

    def add(self, connection: Connection) -> None:
        """Add a connection that starts to wait."""
        self._groups.setdefault(connection.group, {})[connection] = None

    def remove(self, connection: Connection) -> None:
        """Remove a connection that waits no longer."""
        group = self._groups.get(connection.group, {})
        group.pop(connection, None)
        if not group:
            self._groups.pop(connection.group, None)

    def next_to_give_up(self, *, holding: int = 0) -> Connection | None:
        """Return the connection to close for a new one.

        Args:
            holding: only consider connections that hold at least this many bytes.
        """
        for group in sorted(self._groups.values(), key=len, reverse=True):
            for connection in group:
                if connection.held >= holding:
                    return connection
        return None
