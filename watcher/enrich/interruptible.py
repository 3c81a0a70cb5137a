"""Wait for a blocking call, but after a stop only for a while.

wait_for(call) ──▶ thread ──▶ result, or what it raised
      └── stop is set ──▶ grace_s later: None, the thread is left behind and ends with the process
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

LOOK_S = 0.2
"""How often a stop is looked for while the call is under way; its end is noticed at once."""


class StopGrace:
    """How long calls are waited for.

    Args:
        stop: set when the process is to end.
        grace_s: seconds from then on, for all calls together.
    """

    def __init__(self, stop: threading.Event, grace_s: float) -> None:
        self._stop, self._grace_s = stop, grace_s
        self._deadline_s: float | None = None

    def wait_for(self, call: Callable[[], T]) -> T | None:
        """The result of `call`; None if it takes longer than a stop allows. What it raises is raised."""
        results: list[T] = []
        faults: list[BaseException] = []
        done = threading.Event()

        def work() -> None:
            try:
                results.append(call())
            except BaseException as fault:  # noqa: BLE001  it is raised in the thread that waits
                faults.append(fault)
            finally:
                done.set()

        threading.Thread(target=work, name="enrich-request", daemon=True).start()
        while not done.wait(LOOK_S):
            if self._is_over():
                return None
        if faults:
            raise faults[0]
        return results[0]

    def _is_over(self) -> bool:
        if not self._stop.is_set():
            return False
        now_s = time.monotonic()
        if self._deadline_s is None:
            self._deadline_s = now_s + self._grace_s
        return now_s >= self._deadline_s
