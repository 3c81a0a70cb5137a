"""Limit how many requests compute at once: threads on one core slow each other down, and large pages take memory.

up to 64 KB    one for each core; they never wait for a large one
up to 4 MB     one for each core
larger         one: its objects may take a tenth of the memory of a small machine
"""

from __future__ import annotations

import os
from threading import Semaphore

LARGE_BYTES = 64 * 1024
"""Two pages of this size on one core push each other out of its cache, so both take longer."""
HUGE_BYTES = 4 * 1024 * 1024


class Turns:
    """The compute slots of one process."""

    def __init__(self) -> None:
        self.small, self.large, self.huge = Semaphore(cores()), Semaphore(cores()), Semaphore(1)

    def of(self, body_bytes: int) -> Semaphore:
        """The slots for a body of this size."""
        if body_bytes < LARGE_BYTES:
            return self.small
        return self.large if body_bytes < HUGE_BYTES else self.huge


def cores() -> int:
    """Number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
