"""The watcher waits for the result or the error of a call; after a stop it waits only for the grace period."""

from __future__ import annotations

import threading

import pytest

from tests.waiting import WAIT_S
from watcher.enrich.interruptible import StopGrace


def test_a_result_is_returned_and_a_fault_is_raised() -> None:
    patience = StopGrace(threading.Event(), 0.0)
    assert patience.wait_for(lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        patience.wait_for(lambda: 1 // 0)


def test_a_call_that_ends_within_the_grace_is_waited_for_after_a_stop() -> None:
    stop = threading.Event()
    stop.set()
    assert StopGrace(stop, 5.0).wait_for(lambda: threading.Event().wait(0.3)) is False


def test_a_call_that_takes_longer_is_abandoned() -> None:
    stop, over = threading.Event(), threading.Event()
    stop.set()
    assert StopGrace(stop, 0.1).wait_for(lambda: over.wait(WAIT_S)) is None
    over.set()


def test_without_a_stop_the_wait_has_no_limit() -> None:
    assert StopGrace(threading.Event(), 0.0).wait_for(lambda: threading.Event().wait(0.5)) is False
