"""Wait for a server that is down or overloaded, with exponential backoff."""

from __future__ import annotations

import logging
import threading
import time

from common.backoff import Backoff
from contract.errors import EngineUnavailableError

log = logging.getLogger(__name__)

CHECK_INTERVAL_S = 0.25
"""How often a waiting thread checks whether another thread has failed."""


class Stopped(Exception):  # noqa: N818  no error: the user ended the work
    """The work was asked to stop while it waited for Elasticsearch."""


class RetryWait:
    """Backoff between retries: doubles, with jitter, until the timeout passes without a success. Thread-safe.

    Args:
        first_s: bound of the first wait.
        longest_s: highest bound.
        timeout_s: longest time without a success; None: no limit.
        stop: ends the wait.
    """

    def __init__(
        self,
        first_s: float = 0.5,
        longest_s: float = 30.0,
        timeout_s: float | None = None,
        stop: threading.Event | None = None,
    ) -> None:
        self._backoff = Backoff(first_s, longest_s)
        self._timeout_s, self.stop = timeout_s, stop or threading.Event()
        self._since, self._ended, self._lock = 0.0, False, threading.Lock()

    def succeeded(self) -> None:
        """Start the next backoff with the shortest wait."""
        self._backoff.reset()

    def end(self) -> None:
        """Stop waiting in all threads: the work has failed, so their results are no longer needed."""
        self._ended = True

    def wait(self, reason: str) -> None:
        """Wait before the next retry.

        Raises:
            EngineUnavailableError: the timeout has passed.
            Stopped: asked to stop.
        """
        with self._lock:
            pause_s = self._next_pause_s(reason)
        log.warning("%s; trying again in %.1f s, nothing is lost", reason, pause_s)
        until = time.monotonic() + pause_s
        while (left := until - time.monotonic()) > 0:
            if self.stop.wait(min(left, CHECK_INTERVAL_S)) or self._ended:
                raise Stopped

    def _next_pause_s(self, reason: str) -> float:
        now = time.monotonic()
        self._since = now if self._backoff.tries == 0 else self._since
        if self._timeout_s is not None and now - self._since >= self._timeout_s:
            raise EngineUnavailableError(
                f"{reason}, for {self._timeout_s:g} s now; nothing is lost: run the same command again later, "
                "it continues from here"
            )
        pause_s = self._backoff.next_s()
        if self._timeout_s is not None:
            pause_s = min(pause_s, max(0.01, self._since + self._timeout_s - now))
        return pause_s
