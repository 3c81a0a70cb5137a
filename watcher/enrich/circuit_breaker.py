"""Keep a service that fails from being hammered. Pure, no I/O.

    closed ── it fails ──▶ open ── the wait is over ──▶ half_open ── it answers ──▶ closed
                             ▲                              │
                             └────────── it fails ──────────┘

While it is open nothing is sent. Half open, one request tries it, whatever number of lanes there is.
"""

from __future__ import annotations

from contract.documents.heartbeats import CLOSED, HALF_OPEN, OPEN


class Breaker:
    """Whether requests go to the enrich service. One thread opens and tries it; any may say that it answered."""

    def __init__(self) -> None:
        self.state = CLOSED

    def failed(self) -> None:
        """It did not do its part: nothing is sent until `trying`."""
        self.state = OPEN

    def trying(self) -> None:
        """The wait is over."""
        if self.state == OPEN:
            self.state = HALF_OPEN

    def answered(self) -> None:
        """It gave predictions."""
        self.state = CLOSED

    @property
    def is_closed(self) -> bool:
        """Whether as many requests as there are lanes may be under way."""
        return self.state == CLOSED
