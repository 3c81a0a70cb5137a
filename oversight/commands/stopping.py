"""Stops a command at a signal, after the current piece of work."""

from __future__ import annotations

import signal
import threading
from queue import SimpleQueue
from types import FrameType

INTERRUPTED = 130
"""Exit code of a command that a signal stopped."""
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def stop_on_signals(stop: threading.Event | None = None) -> threading.Event:
    """Return an event, the given one or a new one, that the first SIGINT or SIGTERM sets. The second signal ends the
    process at once.

    A thread sets it, not the handler: the handler interrupts the main thread anywhere, also while that holds the
    event's lock, and would wait for the lock forever. `SimpleQueue.put` needs no lock of Python's.
    """
    stop = stop or threading.Event()
    received = SimpleQueue[int]()

    def first(number: int, _frame: FrameType | None) -> None:
        for each in _SIGNALS:
            signal.signal(each, signal.SIG_DFL)
        received.put(number)

    def wait() -> None:
        received.get()
        stop.set()

    threading.Thread(target=wait, name="signals", daemon=True).start()
    for each in _SIGNALS:
        signal.signal(each, first)
    return stop
