"""The embedded engine comes up, answers and leaves nothing behind."""

from __future__ import annotations

import urllib.request
from pathlib import Path

import psutil

from oversight import embedded
from oversight.children import Children, end_leftovers
from tests.waiting import WAIT_S


def test_a_stopped_engine_is_gone(tmp_path: Path) -> None:
    children = Children(tmp_path)
    engine, url = embedded.start(children)
    with urllib.request.urlopen(url, timeout=WAIT_S) as answer:
        assert b"You Know, for Search" in answer.read()
    children.stop_all()
    assert not psutil.pid_exists(engine.pid)
    assert end_leftovers(tmp_path) == 0


def test_an_engine_that_was_left_running_is_ended_by_the_next_run(tmp_path: Path) -> None:
    engine, _ = embedded.start(Children(tmp_path))
    assert end_leftovers(tmp_path) == 1
    assert engine.poll() is not None
