"""A blocked index is skipped, for longer each time, and reported once."""

from __future__ import annotations

import logging

import pytest

from watcher.enrich.circuit_breaker import Breaker
from watcher.monitor.blocked_indices import Blocked


def test_a_pause_ends_and_doubles_when_the_index_refuses_again(caplog: pytest.LogCaptureFixture) -> None:
    now_s = [0.0]
    blocked = Blocked(60.0, clock=lambda: now_s[0])
    for pause_s in (60.0, 120.0, 240.0):
        blocked.refused("full", "cluster_block_exception")
        now_s[0] += pause_s - 1
        assert blocked.now() == ("full",)
        now_s[0] += 2
        assert blocked.now() == ()
    assert blocked.reasons().startswith("full (cluster_block_exception: it is blocked: free disk space")
    lines = [record.message for record in caplog.records if record.levelno == logging.ERROR]
    assert len(lines) == 1
    assert "free disk space" in lines[0]


def test_an_index_that_accepts_a_write_is_no_longer_blocked(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="watcher")
    blocked = Blocked(60.0)
    blocked.refused("closed", "index_closed_exception")
    blocked.wrote(["another"])
    assert blocked.now() == ("closed",)
    blocked.wrote(["closed"])
    assert (blocked.now(), blocked.reasons()) == ((), "")
    assert "takes updates again" in caplog.records[-1].message


def test_a_breaker_opens_is_tried_and_closes() -> None:
    breaker = Breaker()
    states = [breaker.state]
    for step in (breaker.failed, breaker.trying, breaker.failed, breaker.trying, breaker.answered, breaker.trying):
        step()
        states.append(breaker.state)
    assert states == ["closed", "open", "half_open", "open", "half_open", "closed", "closed"]
