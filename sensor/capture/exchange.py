"""An exchange between two sides that is not over yet."""

from __future__ import annotations

from hashlib import blake2b
from socket import AF_INET, AF_INET6, inet_ntop

from sensor.capture.timers import SECOND_NS

NEVER = 1 << 80
"""A time that does not come."""


def address(packed: bytes) -> str:
    """An address of four or sixteen bytes as text."""
    return inet_ntop(AF_INET if len(packed) == 4 else AF_INET6, packed)


class Exchange:
    """Who talks to whom, since when, and when to look whether it is over."""

    __slots__ = (
        "began_ns",
        "destination",
        "destination_port",
        "ended_ns",
        "history",
        "is_open",
        "key",
        "queued_ns",
        "source",
        "source_port",
        "turn",
        "wake_ns",
        "wrong",
    )

    def __init__(self, key: bytes, now_ns: int, source: bytes, source_port: int, destination: bytes, port: int) -> None:
        self.key = key
        """The same for both directions."""
        self.source, self.source_port = source, source_port
        self.destination, self.destination_port = destination, port
        self.began_ns = self.ended_ns = now_ns
        """Times of the first and of the last packet."""
        self.turn = 0
        """Number of earlier exchanges with the same key that began at the same time."""
        self.wrong = 0
        self.history = ""
        self.is_open = True
        self.wake_ns = NEVER
        """When to call `is_over` next."""
        self.queued_ns = NEVER
        """The same, as the queue of the tracker has it."""

    def is_over(self, now_ns: int) -> bool:
        """Whether the time has come to give it out; if not, sets `wake_ns` again."""
        raise NotImplementedError

    def flip(self) -> None:
        """The other side began."""
        self.source, self.destination = self.destination, self.source
        self.source_port, self.destination_port = self.destination_port, self.source_port
        self.history += "^"

    @property
    def uid(self) -> str:
        """The same in each run over the same capture."""
        text = self.key + self.began_ns.to_bytes(16, "big", signed=True) + self.turn.to_bytes(4, "big")
        return "C" + blake2b(text, digest_size=9).hexdigest()

    @property
    def duration_s(self) -> float:
        """From the first packet to the last. 0 if the clock of the capture went back."""
        return max(0, self.ended_ns - self.began_ns) / SECOND_NS
