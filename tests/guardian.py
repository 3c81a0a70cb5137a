"""Ends every process that a test run leaves behind, however the run ends. pytest starts one guardian for each run.

    pytest ──starts──▶ guardian, in a session of its own
      │ each of its processes notes itself in FOLDER/owners
      └─▶ servers, commands, daemons ... with MARK=FOLDER and OWNER=PID in their environment

    an owner ends (timeout, SIGKILL)  ──▶ what it started ends
    pytest ends without a word        ──▶ everything that is marked ends, and FOLDER is removed
    pytest says "end"                 ──▶ the same, and the guardian answers what was left

A process is known by its environment, which daemons keep. One that got an empty environment is known by its parents,
which the guardian notes every LOOK_S.
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
"""Owner of a server that several pytest processes share. It lives until the whole run ends."""
CURRENT = "PYTEST_CURRENT_TEST"
"""Environment variable that pytest sets: which test runs, and whether it is set up, called or torn down."""
LOOK_S = 0.5
TRIES = 3
"""A process may start another one while it is killed."""
GRACE_S = 3.0
"""Seconds that a process may take to end by itself. It was told to before, or its parent is gone."""

Left = list[dict[str, str]]


class Guardian:
    """Runs beside pytest.

    Args:
        folder: of the run.
        pytest: the process that started the run.
    """

    def __init__(self, folder: str, pytest: psutil.Process) -> None:
        self._folder, self._pytest = folder, pytest
        self._owners: dict[int, psutil.Process] = {}
        self._family: dict[psutil.Process, int] = {}
        """Descendants of each owner, as seen at the last looks."""
        self._left: Left = []

    def watch(self) -> None:
        """Look after the run until pytest says that it ends, or has ended without a word."""
        while _lives(self._pytest):
            self._note()
            for pid in [pid for pid, owner in self._owners.items() if not _lives(owner)]:
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
        """Learn of new owners, and remember who is below which of them."""
        new = list(Path(self._folder, "owners").glob("*"))
        for pid in (int(file.name) for file in new):
            try:
                self._owners[pid] = psutil.Process(pid)
            except psutil.NoSuchProcess:  # it ended before it was seen
                _kill(self._of(pid))
        for pid, owner in sorted(self._owners.items(), key=lambda item: item[1] != self._pytest):
            with contextlib.suppress(psutil.NoSuchProcess):
                self._family |= dict.fromkeys(owner.children(recursive=True), pid)
        ours = {os.getpid(), *self._owners}
        self._family = {one: pid for one, pid in self._family.items() if one.pid not in ours and _lives(one)}
        for file in new:
            file.unlink()

    def _of(self, pid: int) -> list[psutil.Process]:
        """Processes of an owner: seen below it, or marked as its own."""
        family = [one for one, owner in self._family.items() if owner == pid and _lives(one)]
        family = [one for one in family if _environment(one).get(OWNER) != RUN]
        return [*family, *(one for one, environment in self._marked() if environment.get(OWNER) == str(pid))]

    def _marked(self) -> Iterable[tuple[psutil.Process, dict[str, str]]]:
        for process in psutil.process_iter():
            environment = _environment(process)
            ours = process == self._pytest or process.pid in self._owners
            if environment.get(MARK) == self._folder and not ours and _lives(process):
                yield process, environment

    def _unshared(self) -> list[psutil.Process]:
        """Everything but servers that are meant to run until the end."""
        marked = dict(self._marked())
        found = [one for one, environment in marked.items() if environment.get(OWNER) != RUN]
        return [*found, *(one for one in self._family if one not in marked and _lives(one))]

    def _end(self, some: Callable[[], list[psutil.Process]]) -> None:
        """Let processes end that were told to, end the others, and remember those."""
        psutil.wait_procs(some(), timeout=GRACE_S)
        left = some()
        self._left += map(_described, left)
        _kill(left)

    def _kill_all(self) -> None:
        self._owners.clear()
        for _ in range(TRIES):
            _kill([*self._unshared(), *(one for one, _ in self._marked())])


def _environment(process: psutil.Process) -> dict[str, str]:
    """Its environment; empty where that is not ours to read."""
    with contextlib.suppress(psutil.Error, OSError):
        return dict(process.environ())
    return {}


def _lives(process: psutil.Process) -> bool:
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
    """Called in each pytest process: what it starts from now on is its own. The guardian removes the note at its next
    look.
    """
    sys.addaudithook(_listen)
    os.environ[OWNER] = str(os.getpid())
    owners = Path(folder, "owners")
    owners.mkdir(exist_ok=True)
    (owners / str(os.getpid())).touch()


def start(folder: str) -> subprocess.Popen[str]:
    """Start a guardian for this process. It carries no mark, and no signal to our process group reaches it."""
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
    """End a guardian and what it guards; returns what was left."""
    said, _ = guardian.communicate("end\n")
    return list(json.loads(said or "[]"))


def end_of_test(test: str) -> Left:
    """End what a test has started by itself (its fixtures' servers may serve other tests); returns what was left."""
    if not _started:
        return []
    _started.clear()
    mine = psutil.Process().children(recursive=True)
    left = [one for one in mine if _environment(one).get(CURRENT) == f"{test} (call)" and _lives(one)]
    _, left = psutil.wait_procs(left, timeout=GRACE_S)
    found = [_described(one) for one in left if _lives(one)]
    _kill(left)
    return found


def _listen(event: str, _: object) -> None:
    if event == "subprocess.Popen":
        _started.add(event)


_started: set[str] = set()

if __name__ == "__main__":
    with contextlib.suppress(psutil.NoSuchProcess):
        Guardian(sys.argv[1], psutil.Process(int(sys.argv[2]))).watch()
