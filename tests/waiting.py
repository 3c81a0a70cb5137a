"""Waiting in tests: for a state, with one generous limit after which a test gives up."""

from __future__ import annotations

import time
from collections.abc import Callable

WAIT_S = 180.0
"""Longest wait for a state. A quiet machine needs seconds; a busy one may need a minute."""
LOOK_S = 0.05
"""Seconds between two checks."""


def until(condition: Callable[[], bool]) -> bool:
    """Wait for a condition. Return whether it became true within `WAIT_S`."""
    deadline_s = time.monotonic() + WAIT_S
    while not condition():
        if time.monotonic() > deadline_s:
            return False
        time.sleep(LOOK_S)
    return True


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Wait for a condition.

    Raises:
        AssertionError: it did not become true within `WAIT_S`; names `what`.
    """
    assert until(condition), f"waited {WAIT_S:.0f} s for {what}, which did not happen"
