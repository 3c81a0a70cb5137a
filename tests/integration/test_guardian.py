"""A test run leaves no process behind: real runs of pytest that are killed, that hang, and that end with running
servers.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests import guardian
from tests.conftest import ROOT
from tests.waiting import until, wait_until

HOOKS = "from tests.guarded import *\n"
START = '''
import json, os, signal, subprocess, sys, time
from pathlib import Path
from tests import guardian
from tests.waiting import wait_until

HERE = Path(__file__).parent
SLEEP = [sys.executable, "-c", "import time; time.sleep(3600)"]

def started(name, *pids):
    (HERE / f"{name}.draft").write_text(json.dumps(pids))
    (HERE / f"{name}.draft").rename(HERE / f"{name}.json")

def daemon(**environment):
    """A process that only its environment identifies: without a parent, in its own session."""
    program = "from subprocess import *; import sys; "
    program += "print(Popen(sys.argv[1:], start_new_session=True, stdout=DEVNULL).pid)"
    words = [sys.executable, "-W", "ignore", "-c", program, *SLEEP]
    return int(subprocess.run(words, env={**os.environ, **environment}, stdout=subprocess.PIPE, check=True).stdout)

def start_all():
    """Each kind of process: a child, a daemon, and one that has no environment."""
    child, bare = subprocess.Popen(SLEEP), subprocess.Popen(SLEEP, env={}, start_new_session=True)
    folder = os.environ[guardian.MARK]
    guardian.note_owner(folder)
    wait_until(lambda: not list(Path(folder, "owners").iterdir()), "the guardian to see them")
    (HERE / "folder").write_text(folder)
    started("all", os.getpid(), child.pid, bare.pid, daemon())
    return child, bare
'''
KILLED = """
def test_stays():
    children = start_all()
    time.sleep(3600)
"""
KILLS_ITSELF = """
def test_kills_its_own_process():
    children = start_all()
    os.kill(os.getpid(), signal.SIGKILL)

def test_comes_later():
    started("later", os.getpid())
    time.sleep(3600)
"""
LEAVES = """
def test_hangs():
    child = subprocess.Popen(SLEEP)
    started("hangs", child.pid)
    time.sleep(3600)

def test_leaves_a_daemon():
    started("daemon", daemon())

def test_starts_what_all_share():
    started("shared", daemon(**{guardian.OWNER: guardian.RUN}))
"""
IGNORES_THE_TIMEOUT = """
def test_is_deaf():
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
    children = start_all()
    time.sleep(3600)
"""


class Run:
    """A run of pytest over one file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.process: subprocess.Popen[str] | None = None

    def start(self, tests: str, *options: str) -> subprocess.Popen[str]:
        """Start it, without the settings of the surrounding run."""
        (self._folder / "conftest.py").write_text(HOOKS, encoding="utf-8")
        (self._folder / "test_it.py").write_text(START + tests, encoding="utf-8")
        (self._folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "OVERSIGHT_"))}
        plugins = ("-p", "no:randomly", "-p", "no:hypothesispytest", "-p", "no:schemathesis", "-p", "no:cacheprovider")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pytest", "-q", *plugins, *options, "test_it.py"],
            cwd=self._folder,
            text=True,
            env={**kept, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        return self.process

    def pids(self, name: str) -> list[int]:
        """The process ids that a test has written down."""
        file = self._folder / f"{name}.json"
        assert self.process is not None
        ended = self.process.poll
        wait_until(lambda: file.exists() or ended() is not None, f"the test to start {name}")
        return list(json.loads(file.read_text(encoding="utf-8")))


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """A run, ended afterwards; its own guardian ends the processes that it started."""
    found = Run(tmp_path)
    yield found
    if found.process is not None:
        found.process.kill()
        found.process.wait()
        assert found.process.stdout is not None
        found.process.stdout.close()


def gone(pids: list[int]) -> bool:
    """Whether none of them runs any more. Each lives an hour unless something ends it."""
    return not any(psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE for pid in pids)


@pytest.mark.parametrize("options", [(), ("-n", "1")], ids=["alone", "with a worker"])
def test_nothing_is_left_when_pytest_is_killed(run: Run, tmp_path: Path, options: tuple[str, ...]) -> None:
    process = run.start(KILLED, *options)
    pids = run.pids("all")
    assert not gone(pids)
    process.kill()
    assert until(lambda: gone(pids))


def test_nothing_is_left_when_a_worker_is_killed_and_the_run_continues(run: Run) -> None:
    process = run.start(KILLS_ITSELF, "-n", "1")
    pids, (later,) = run.pids("all"), run.pids("later")
    assert until(lambda: gone(pids))
    assert process.poll() is None
    assert psutil.pid_exists(later)


def test_a_left_process_is_named_and_fails_the_run(run: Run) -> None:
    """A test that times out ends its processes. A server that all tests share is no leftover, and ends as well."""
    out, _ = run.start(LEAVES, "--timeout", "3").communicate()
    assert run.process is not None
    assert run.process.returncode == pytest.ExitCode.TESTS_FAILED
    assert "left running by this test" in out
    assert "LEFT RUNNING by test_it.py::test_leaves_a_daemon (call): pid" in out
    assert "LEFT RUNNING by test_it.py::test_starts_what_all_share" not in out
    assert gone([*run.pids("hangs"), *run.pids("daemon"), *run.pids("shared")])


def test_a_test_that_no_signal_reaches_ends_with_its_processes(run: Run) -> None:
    """pytest-timeout raises in the main thread, which a call into C may block. Then faulthandler ends the process."""
    options = ("-o", "faulthandler_timeout=4", "-o", "faulthandler_exit_on_timeout=true")
    out, _ = run.start(IGNORES_THE_TIMEOUT, "--timeout", "2", *options).communicate()
    assert "Timeout" in out
    assert "test_is_deaf" in out
    assert until(lambda: gone(run.pids("all")))


def test_a_left_daemon_fails_a_run_whose_tests_pass(run: Run) -> None:
    out, _ = run.start("def test_it(): started('daemon', daemon())").communicate()
    assert "1 passed" in out
    assert run.process is not None
    assert run.process.returncode == pytest.ExitCode.TESTS_FAILED
    assert gone(run.pids("daemon"))


def test_processes_below_a_test_carry_the_marks() -> None:
    """The processes that this run starts carry them too."""
    words = [sys.executable, "-c", f"import os; print(os.environ['{guardian.MARK}'], os.environ['{guardian.OWNER}'])"]
    folder, owner = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()
    assert Path(folder).is_dir()
    assert owner == str(os.getpid())
