"""Hooks of pytest that put a run under its guardian (tests/guardian.py). A conftest.py imports them."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Generator

import pytest

from tests import guardian

GUARDIAN = pytest.StashKey[subprocess.Popen[str]]()
LEFT = pytest.StashKey[guardian.Left]()


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """The first process of a run makes the folder that all share, and starts the run's guardian."""
    if not hasattr(config, "workerinput"):
        folder = os.environ[guardian.MARK] = tempfile.mkdtemp(prefix="oversight-tests-")
        config.stash[GUARDIAN] = guardian.start(folder)
    guardian.note_owner(os.environ[guardian.MARK])


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """The first process ends last. A server that is still running by then was left behind by a test: the run fails."""
    running = session.config.stash.get(GUARDIAN, None)
    if running is not None:
        session.config.stash[LEFT] = guardian.end(running)
        if session.config.stash[LEFT] and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Name what was left behind."""
    for one in config.stash.get(LEFT, []):
        terminalreporter.write_line(f"LEFT RUNNING by {one['test']}: pid {one['pid']}, {one['command']}", red=True)


def pytest_unconfigure(config: pytest.Config) -> None:
    """The guardian has ended with the session, and its folder is gone; here it ends where no session began."""
    running = config.stash.get(GUARDIAN, None)
    if running is not None:
        if running.poll() is None:
            guardian.end(running)
        del os.environ[guardian.MARK]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None]:
    """A test ends what it starts, also when it fails or times out. Fixtures of a wider scope live on."""
    yield
    if left := guardian.end_of_test(item.nodeid):
        pytest.fail(f"left running by this test, and ended now: {left}", pytrace=False)
