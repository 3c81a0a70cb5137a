"""Send a request again after a server's fault."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from common.backoff import Backoff
from contract.errors import EngineUnavailableError
from watcher.elastic_faults import (
    EngineRefusesError,
    IndexMissingError,
    LargeResponseError,
    PageTooLargeError,
    PointInTimeLostError,
)

TRIES = 6
"""How often a request is tried in a row."""
NOT_RETRIED = (EngineRefusesError, IndexMissingError, PointInTimeLostError, LargeResponseError, PageTooLargeError)
"""Errors that the same request would meet again."""

T = TypeVar("T")


def retried(send: Callable[[], T], *, backoff: Backoff, stop: threading.Event) -> T:
    """Send a request, up to `TRIES` times.

    Raises:
        EngineUnavailableError: Elasticsearch does not answer for long.
    """
    while True:
        try:
            return send()
        except NOT_RETRIED:
            raise
        except EngineUnavailableError:
            if backoff.tries + 1 >= TRIES or stop.wait(backoff.next_s()):
                raise
