"""Processes that the demo and the tests start, remembered on disk so that none is left behind.

    start ──▶ pid and start time noted in FOLDER/processes.json ──▶ stop: SIGTERM, a while, SIGKILL
                                     │
                                     └─▶ the next run's `end_leftovers`, after a SIGKILL of ours

A pid alone says little, since the system uses it again: a process is only ended if its start time is the noted one.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import psutil

from contract.errors import InputError

NOTES = "processes.json"
STOP_WAIT_S = 10.0
"""Seconds that a process may take to end by itself: gunicorn and the watcher finish the batch in hand."""

_ENDINGS = (signal.SIGINT, signal.SIGTERM)


class Children:
    """The processes of one run, noted in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self._running: list[psutil.Popen] = []
        folder.mkdir(parents=True, exist_ok=True)

    def start(self, command: Sequence[str], *, log: Path, env: Mapping[str, str] | None = None) -> psutil.Popen:
        """Start a program in the folder that ends with us; what it prints goes to `log`.

        Args:
            command: the program and its arguments.
            log: file that its output is added to.
            env: its whole environment (default: ours).
        """
        bound = [sys.executable, "-m", "oversight.demo.parent_death", str(os.getpid()), *command]
        with log.open("ab") as output, _signals_wait():
            child = psutil.Popen(
                bound,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=env,
                cwd=self.folder,
                start_new_session=True,  # Ctrl-C at the terminal reaches us alone, and we stop them in order
            )
            self._running.append(child)
        self._note()
        return child

    def stop(self, child: psutil.Popen) -> None:
        """End one process with all that it started: politely, then not."""
        end([child])
        self._running.remove(child)
        self._note()

    def stop_all(self) -> None:
        """End all, the last started first."""
        for child in reversed(self._running.copy()):
            self.stop(child)

    def _note(self) -> None:
        notes = [{"pid": child.pid, "began": child.create_time()} for child in self._running if child.is_running()]
        target = self.folder / NOTES
        draft = target.with_suffix(".tmp")
        draft.write_text(json.dumps(notes), encoding="utf-8")
        draft.replace(target)


@contextlib.contextmanager
def _signals_wait() -> Iterator[None]:
    """Hold SIGINT and SIGTERM back for a moment: an exception in the middle of a start leaves a child that nobody
    knows.
    """
    if threading.current_thread() is not threading.main_thread():  # Python runs handlers in the main thread only
        yield
        return
    came: list[int] = []
    before = {number: signal.signal(number, lambda came_now, _: came.append(came_now)) for number in _ENDINGS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    for one in came:
        signal.raise_signal(one)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder for one run; the system gives it back when the process ends, however that happens.

    Raises:
        InputError: another run holds it, or it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        held = (folder / "lock").open("w", encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot write to {folder} ({error.strerror}); choose another --folder") from None
    with held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(f"another demo uses {folder}; stop it, or choose another --folder") from None
        yield


def end_leftovers(folder: Path) -> int:
    """End what a killed run left behind; returns how many processes that were."""
    try:
        notes = json.loads((folder / NOTES).read_text(encoding="utf-8"))
        known = [(int(note["pid"]), float(note["began"])) for note in notes]
    except (OSError, ValueError, TypeError, KeyError):
        return 0
    left = []
    for pid, began in known:
        try:
            process = psutil.Process(pid)
            if abs(process.create_time() - began) < 1.0:
                left.append(process)
        except psutil.NoSuchProcess:
            continue
    end(left)
    (folder / NOTES).unlink(missing_ok=True)
    return len(left)


def answers(url: str, process: psutil.Popen, *, within_s: float) -> bool:
    """Whether a server of ours answers a GET with success before the time is over or its process ends."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=2):  # noqa: S310
            return True
        time.sleep(0.05)
    return False


def end(processes: Sequence[psutil.Process]) -> None:
    """End processes and all that they started: SIGTERM, `STOP_WAIT_S`, SIGKILL."""
    sessions = {process.pid for process in processes}
    everyone: set[psutil.Process] = set(processes)
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            everyone.update(process.children(recursive=True))
            process.terminate()
    psutil.wait_procs(everyone, timeout=STOP_WAIT_S)
    left = [process for process in everyone | _of_sessions(sessions) if process.is_running()]
    for process in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(left, timeout=STOP_WAIT_S)


def _of_sessions(sessions: set[int]) -> set[psutil.Process]:
    """Processes of these sessions: a worker that was forked while its parent was told to end is no one's child by
    now.
    """
    found = set()
    for process in psutil.process_iter():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.getsid(process.pid) in sessions:
                found.add(process)
    return found
