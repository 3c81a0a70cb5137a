"""Ends every process that a test run leaves running, however the run ends. pytest starts one guardian per run.

    pytest ──starts──▶ guardian, in its own session
      │ each pytest process registers as an owner in FOLDER/owners
      └─▶ servers, commands, daemons ... with MARK=FOLDER and OWNER=PID in their environment

    an owner ends (timeout, SIGKILL)  ──▶ the guardian ends what it started
    pytest ends without "end"         ──▶ the guardian ends everything that is marked, and removes FOLDER
    pytest sends "end"                ──▶ the same, and the guardian reports what was left running

The guardian finds a process by its environment, which daemons keep. It finds a process with an empty environment by its
parents, which it records every LOOK_S.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import psutil

MARK = "PYTEST_RUN_FOLDER"
"""Environment variable: the folder that all processes of one test run share."""
OWNER = "PYTEST_RUN_OWNER"
"""Environment variable: pid of the pytest process that started this one, or `RUN`."""
RUN = "run"
"""Owner of a server that several pytest processes share. It runs until the whole run ends."""
CURRENT = "PYTEST_CURRENT_TEST"
"""Environment variable of pytest: which test runs, and whether it is in setup, call or teardown."""
LOOK_S = 0.5
TRIES = 3
"""A process may start another one while it is being killed."""
GRACE_S = 3.0
"""Time for a process to end by itself: it was asked to end, or its parent is gone."""

Left = list[dict[str, str]]


class Guardian:
    """Runs beside pytest.

    Args:
        folder: folder of the run.
        pytest: the process that started the run.
    """

    def __init__(self, folder: str, pytest: psutil.Process) -> None:
        self._folder, self._pytest = folder, pytest
        self._owners: dict[int, psutil.Process] = {}
        self._family: dict[psutil.Process, int] = {}
        """Descendants of each owner, as seen recently."""
        self._left: Left = []

    def watch(self) -> None:
        """Supervise the run until pytest sends "end" or is gone."""
        while _is_running(self._pytest):
            self._note()
            for pid in [pid for pid, owner in self._owners.items() if not _is_running(owner)]:
                del self._owners[pid]
                self._end(partial(self._of, pid))
            if select.select([sys.stdin], [], [], LOOK_S)[0]:
                if sys.stdin.readline():
                    self._note()
                    self._end(self._unshared)
                    sys.stdout.write(f"{json.dumps(self._left)}\n")
                    sys.stdout.flush()
                break
        self._kill_all()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _note(self) -> None:
        """Register new owners, and record the descendants of each owner."""
        new = list(Path(self._folder, "owners").glob("*"))
        for pid in (int(file.name) for file in new):
            try:
                self._owners[pid] = psutil.Process(pid)
            except psutil.NoSuchProcess:  # it ended before it was registered
                _kill(self._of(pid))
        seen = self._descendants()
        earlier = {process: pid for process, pid in self._family.items() if process not in seen}
        self._family = seen | {process: pid for process, pid in earlier.items() if _is_running(process)}
        for file in new:
            file.unlink()

    def _descendants(self) -> dict[psutil.Process, int]:
        """Return the descendants of pytest except the owners, each with the owner that is nearest above it.

        Reads the machine's list of processes once for all owners: this runs every LOOK_S, so it costs seconds per run.
        """
        parents: dict[int, int] = {}
        found: list[psutil.Process] = []
        with contextlib.suppress(psutil.NoSuchProcess):
            found = self._pytest.children(recursive=True)
        for process in found:
            with contextlib.suppress(psutil.NoSuchProcess):
                parents[process.pid] = process.ppid()

        def owner_of(pid: int) -> int:
            while pid in parents and pid not in self._owners:
                pid = parents[pid]
            return pid if pid in self._owners else self._pytest.pid

        not_tests = {os.getpid(), *self._owners}
        return {process: owner_of(process.pid) for process in found if process.pid not in not_tests}

    def _of(self, pid: int) -> list[psutil.Process]:
        """Return the processes of an owner: its descendants, and those marked with its pid."""
        family = [process for process, owner in self._family.items() if owner == pid and _is_running(process)]
        family = [process for process in family if _environment(process).get(OWNER) != RUN]
        return [*family, *(process for process, environment in self._marked() if environment.get(OWNER) == str(pid))]

    def _marked(self) -> Iterable[tuple[psutil.Process, dict[str, str]]]:
        for process in psutil.process_iter():
            environment = _environment(process)
            is_pytest = process == self._pytest or process.pid in self._owners
            if environment.get(MARK) == self._folder and not is_pytest and _is_running(process):
                yield process, environment

    def _unshared(self) -> list[psutil.Process]:
        """Return all processes except servers that run until the end."""
        marked = dict(self._marked())
        unshared = [process for process, environment in marked.items() if environment.get(OWNER) != RUN]
        return [*unshared, *(process for process in self._family if process not in marked and _is_running(process))]

    def _end(self, some: Callable[[], list[psutil.Process]]) -> None:
        """Give processes time to end, kill the rest, and record those."""
        psutil.wait_procs(some(), timeout=GRACE_S)
        left = some()
        self._left += map(_described, left)
        _kill(left)

    def _kill_all(self) -> None:
        self._owners.clear()
        for _ in range(TRIES):
            _kill([*self._unshared(), *(process for process, _ in self._marked())])


def _environment(process: psutil.Process) -> dict[str, str]:
    """Return the environment of a process; empty if we may not read it."""
    with contextlib.suppress(psutil.Error, OSError):
        return dict(process.environ())
    return {}


def _is_running(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def _described(process: psutil.Process) -> dict[str, str]:
    with contextlib.suppress(psutil.Error):
        test = _environment(process).get(CURRENT, "an unknown test")
        return {"pid": str(process.pid), "command": " ".join(process.cmdline())[:300], "test": test}
    return {"pid": str(process.pid), "command": "?", "test": "?"}


def _kill(processes: Iterable[psutil.Process]) -> None:
    family = set(processes)
    for process in tuple(family):
        with contextlib.suppress(psutil.NoSuchProcess):
            family.update(process.children(recursive=True))
    for process in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(family, timeout=GRACE_S)


def note_owner(folder: str) -> None:
    """Register this pytest process as the owner of every process that it starts from now on."""
    sys.addaudithook(_listen)
    os.environ[OWNER] = str(os.getpid())
    owners = Path(folder, "owners")
    owners.mkdir(exist_ok=True)
    (owners / str(os.getpid())).touch()


def start(folder: str) -> subprocess.Popen[str]:
    """Start a guardian for this process. It is not marked, and signals to our process group do not reach it."""
    environment = {name: value for name, value in os.environ.items() if name not in (MARK, OWNER)}
    return subprocess.Popen(
        [sys.executable, __file__, folder, str(os.getpid())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
    )


def end(guardian: subprocess.Popen[str]) -> Left:
    """End a guardian and everything that it guards. Return what was left running."""
    output, _ = guardian.communicate("end\n")
    return list(json.loads(output or "[]"))


def end_of_test(test: str) -> Left:
    """End what a test itself started; servers of fixtures may serve other tests. Return what was left running."""
    if not _started:
        return []
    _started.clear()
    children = psutil.Process().children(recursive=True)
    left = [
        process
        for process in children
        if _environment(process).get(CURRENT) == f"{test} (call)" and _is_running(process)
    ]
    _, left = psutil.wait_procs(left, timeout=GRACE_S)
    described = [_described(process) for process in left if _is_running(process)]
    _kill(left)
    return described


def _listen(event: str, _: object) -> None:
    if event == "subprocess.Popen":
        _started.add(event)


_started: set[str] = set()

if __name__ == "__main__":
    with contextlib.suppress(psutil.NoSuchProcess):
        Guardian(sys.argv[1], psutil.Process(int(sys.argv[2]))).watch()
