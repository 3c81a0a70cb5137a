"""The connections that wait for their clients, in the order in which they are given up when there are too many.

The address with the most of them loses first, and of its connections the one that has waited longest. So an address
that opens thousands pushes out its own; a client that sends its request at once is never among the oldest, whatever its
address does.
"""

from __future__ import annotations

from collections.abc import Iterator

from common.server.connection import Connection


class Waiting:
    """A set of connections; each belongs to the address of its client."""

    def __init__(self) -> None:
        self._of: dict[str, dict[Connection, None]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._of.values()))

    def __contains__(self, connection: Connection) -> bool:
        return connection in self._of.get(connection.group, ())

    def __iter__(self) -> Iterator[Connection]:
        """All, as they are now."""
        return iter([connection for group in self._of.values() for connection in group])

    def add(self, connection: Connection) -> None:
        """It waits from now on."""
        self._of.setdefault(connection.group, {})[connection] = None

    def remove(self, connection: Connection) -> None:
        """It waits no more."""
        group = self._of.get(connection.group, {})
        group.pop(connection, None)
        if not group:
            self._of.pop(connection.group, None)

    def next_to_give_up(self, *, holding: int = 0) -> Connection | None:
        """Which one to close for a newcomer.

        Args:
            holding: only one for which at least so many bytes are kept.
        """
        for group in sorted(self._of.values(), key=len, reverse=True):
            for connection in group:
                if connection.held >= holding:
                    return connection
        return None
