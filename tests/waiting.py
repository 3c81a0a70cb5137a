"""How tests wait: for a state, with one generous limit. A limit only says when to give up; nothing waits for it to
pass.
"""

from __future__ import annotations

import time
from collections.abc import Callable

WAIT_S = 180.0
"""Seconds that a test waits for a state before it fails. A quiet machine needs a few; a busy one may need a minute."""
LOOK_S = 0.05
"""Seconds between two looks."""


def until(condition: Callable[[], bool]) -> bool:
    """Look until a condition holds; returns whether it did within `WAIT_S`."""
    deadline_s = time.monotonic() + WAIT_S
    while not condition():
        if time.monotonic() > deadline_s:
            return False
        time.sleep(LOOK_S)
    return True


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Look until a condition holds.

    Raises:
        AssertionError: it did not within `WAIT_S`; names `what`.
    """
    assert until(condition), f"waited {WAIT_S:.0f} s for {what}, which did not happen"
