"""Pytest hooks that run a guardian for each test run (tests/guardian.py). A conftest.py imports them."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Generator

import pytest

from tests import given_engines, guardian

MEMORY, ENGINES_DATA = "/dev/shm", 6 * 2**30
GUARDIAN = pytest.StashKey[subprocess.Popen[str]]()
LEFT = pytest.StashKey[guardian.Left]()


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Check the engines that the run was given, create the shared folder, start the guardian: in the first process."""
    if not hasattr(config, "workerinput"):
        if problems := given_engines.problems():
            raise pytest.UsageError("\n".join(problems))
        folder = os.environ[guardian.MARK] = tempfile.mkdtemp(prefix="oversight-tests-", dir=_in_memory())
        config.stash[GUARDIAN] = guardian.start(folder)
    guardian.note_owner(os.environ[guardian.MARK])


def _in_memory() -> str | None:
    """A place for the shared folder in memory, if there is room for the real engines' data.

    Each installation of a test rewrites the state of the cluster, and waits for the disk. In memory the engines take a
    fifth less processor time.
    """
    with contextlib.suppress(FileNotFoundError):
        if shutil.disk_usage(MEMORY).free > ENGINES_DATA:
            return MEMORY
    return None


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """End the guardian, in the first process, which ends last. The run fails if a test left a process running."""
    running = session.config.stash.get(GUARDIAN, None)
    if running is not None:
        session.config.stash[LEFT] = guardian.end(running)
        if session.config.stash[LEFT] and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Name the processes that tests left running."""
    for process in config.stash.get(LEFT, []):
        terminalreporter.write_line(
            f"LEFT RUNNING by {process['test']}: pid {process['pid']}, {process['command']}", red=True
        )


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the guardian if no session began. Otherwise it has ended with the session, and its folder is gone."""
    running = config.stash.get(GUARDIAN, None)
    if running is not None:
        if running.poll() is None:
            guardian.end(running)
        del os.environ[guardian.MARK]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None]:
    """Fail a test that leaves a process running. Fixtures of a wider scope keep theirs."""
    yield
    if left := guardian.end_of_test(item.nodeid):
        pytest.fail(f"left running by this test, and ended now: {left}", pytrace=False)
