"""Limits requests to a service that fails. No I/O.

    closed ── it fails ──▶ open ── the wait is over ──▶ half_open ── it answers ──▶ closed
                             ▲                              │
                             └────────── it fails ──────────┘

While it is open, nothing is sent. While it is half open, one request tries the service, however many lanes there are.
"""

from __future__ import annotations

from contract.documents.heartbeats import CLOSED, HALF_OPEN, OPEN


class Breaker:
    """Whether requests go to the enrich service. One thread calls `failed` and `trying`, any thread `answered`."""

    def __init__(self) -> None:
        self.state = CLOSED

    def failed(self) -> None:
        """The service failed: nothing is sent until `trying`."""
        self.state = OPEN

    def trying(self) -> None:
        """The wait is over."""
        if self.state == OPEN:
            self.state = HALF_OPEN

    def answered(self) -> None:
        """The service answered."""
        self.state = CLOSED

    @property
    def is_closed(self) -> bool:
        """Whether all lanes may send requests."""
        return self.state == CLOSED
