"""Who computes at the same time: threads that compute together on one core hold each other up, and large pages take
memory.

up to 64 KB    as many as there are cores, and none of them waits for a large one
up to 4 MB     as many as there are cores
larger         one: its objects may take a tenth of what a small machine has
"""

from __future__ import annotations

import os
from threading import Semaphore

LARGE_BYTES = 64 * 1024
"""Two pages on one core push each other out of its cache, and both take longer."""
HUGE_BYTES = 4 * 1024 * 1024


class Turns:
    """The turns of one process."""

    def __init__(self) -> None:
        self.small, self.large, self.huge = Semaphore(cores()), Semaphore(cores()), Semaphore(1)

    def of(self, body_bytes: int) -> Semaphore:
        """Whose turn a body has to wait for."""
        if body_bytes < LARGE_BYTES:
            return self.small
        return self.large if body_bytes < HUGE_BYTES else self.huge


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
