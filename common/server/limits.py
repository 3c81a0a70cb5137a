"""What one worker of a server takes on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Of the enrich service and of the console alike."""

    queue: int = 64
    """Requests that wait for a thread; the next is answered 503."""
    queue_timeout_s: float = 10.0
    """A request that waited longer is answered 503: its client has given up, or will before the answer."""
    read_timeout_s: float = 20.0
    """Seconds that a client has for sending one request whole, its TLS handshake included."""
    max_body_bytes: int = 1024 * 1024
    """A longer body is not read; the application answers by its length."""
    connections: int = 2_000
    """Open connections; for the next one, the one that has waited longest for its client is closed."""
    held_bytes: int = 128 * 1024 * 1024
    """Bytes that are kept for clients: requests that are not whole or wait for a thread, and answers that are not
    taken.
    """
    probes: frozenset[str] = frozenset()
    """Paths that have a thread of their own: health and metrics."""
