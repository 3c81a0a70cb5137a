"""Wait for a blocking call; after a stop, only for a limited time.

wait_for(call) ──▶ thread ──▶ result, or its exception
      └── stop is set ──▶ grace_s later: None; the thread is left behind and ends with the process
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import TypeVar

T = TypeVar("T")

LOOK_S = 0.2
"""Seconds between two checks for a stop. The end of the call is noticed at once."""


class StopGrace:
    """How long to wait for calls after a stop.

    Args:
        stop: set when the process must end.
        grace_s: seconds from then on, for all calls together.
    """

    def __init__(self, stop: threading.Event, grace_s: float) -> None:
        self._stop, self._grace_s = stop, grace_s
        self._deadline_s: float | None = None

    def wait_for(self, call: Callable[[], T]) -> T | None:
        """Return the result of `call`, or raise its exception; None if it takes longer than a stop allows."""
        future: Future[T] = Future()

        def work() -> None:
            try:
                future.set_result(call())
            except BaseException as error:  # noqa: BLE001  raised in the thread that waits
                future.set_exception(error)

        threading.Thread(target=work, name="enrich-request", daemon=True).start()
        while not wait([future], LOOK_S).done:
            if self._is_over():
                return None
        return future.result()

    def _is_over(self) -> bool:
        if not self._stop.is_set():
            return False
        now_s = time.monotonic()
        self._deadline_s = self._deadline_s or now_s + self._grace_s
        return now_s >= self._deadline_s
