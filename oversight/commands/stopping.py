"""Stops a command at a signal, after the current piece of work."""

from __future__ import annotations

import signal
import threading
from types import FrameType

INTERRUPTED = 130
"""Exit code of a command that a signal stopped."""
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def stop_on_signals() -> threading.Event:
    """Return an event that the first SIGINT or SIGTERM sets. The second signal ends the process at once."""
    stop = threading.Event()

    def first(_number: int, _frame: FrameType | None) -> None:
        for each in _SIGNALS:
            signal.signal(each, signal.SIG_DFL)
        stop.set()

    for each in _SIGNALS:
        signal.signal(each, first)
    return stop
