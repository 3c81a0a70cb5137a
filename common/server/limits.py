"""Limits of one worker."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of the enrich service and of the console."""

    queue: int = 64
    """Requests that may wait for a thread. The next one gets a 503."""
    queue_timeout_s: float = 10.0
    """A request that waited longer gets a 503: its client has given up, or soon will."""
    read_timeout_s: float = 20.0
    """Longest time for a client to send one whole request, TLS handshake included."""
    max_body_bytes: int = 1024 * 1024
    """Longer bodies are not read; the application rejects them by their length."""
    connections: int = 2_000
    """Open connections. For one more, the connection that has waited longest for its client is closed."""
    held_bytes: int = 128 * 1024 * 1024
    """Bytes held for clients: incomplete or waiting requests, and unsent responses."""
    probes: frozenset[str] = frozenset()
    """Paths with a thread of their own: health and metrics."""
