"""Processes of the demo and the tests, recorded on disk so that none is left running.

    start ──▶ pid and start time go to FOLDER/processes.json ──▶ stop: SIGTERM, wait, SIGKILL
                                     │
                                     └─▶ the next run calls `end_leftovers`, if this run is killed

The system reuses pids. So a process is ended only if its start time is the recorded one.
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
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import psutil

from contract.errors import InputError
from oversight.demo.ports import free_port

NOTES = "processes.json"
STOP_WAIT_S = 10.0
"""Time for a process to end after SIGTERM: gunicorn and the watcher finish the current batch."""

START_WAIT_S = 60.0
"""Longest time for a start. It usually takes a second; a busy machine needs more."""
TRIES = 3
"""Number of ports to try, because another program may take a free port before the server binds it."""

_ENDINGS = (signal.SIGINT, signal.SIGTERM)


class Children:
    """The processes of one run, recorded in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self._running: list[psutil.Popen] = []
        folder.mkdir(parents=True, exist_ok=True)

    def start(self, command: Sequence[str], *, log: Path, env: Mapping[str, str] | None = None) -> psutil.Popen:
        """Start a program that ends when this process ends.

        Args:
            command: the program and its arguments.
            log: file to append its output to.
            env: its whole environment (default: ours).
        """
        bound_command = [sys.executable, "-m", "oversight.demo.parent_death", str(os.getpid()), *command]
        with log.open("ab") as output, _signals_wait():
            child = psutil.Popen(
                bound_command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=env,
                cwd=self.folder,
                start_new_session=True,  # Ctrl-C at the terminal reaches only us, and we stop them in order
            )
            self._running.append(child)
        self._note()
        return child

    def stop(self, child: psutil.Popen) -> None:
        """End one process and everything that it started: SIGTERM first, then SIGKILL."""
        end([child])
        self._running.remove(child)
        self._note()

    def stop_all(self) -> None:
        """End all processes, the last started first."""
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
    """Delay SIGINT and SIGTERM. An exception in the middle of a start would leave an unknown child running."""
    if threading.current_thread() is not threading.main_thread():  # Python runs signal handlers only in the main thread
        yield
        return
    received: list[int] = []
    before = {
        number: signal.signal(number, lambda signal_number, _: received.append(signal_number)) for number in _ENDINGS
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    for signal_number in received:
        signal.raise_signal(signal_number)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lock a folder for one run. The system releases the lock when the process ends, even after a crash.

    Raises:
        InputError: another run uses the folder, or it cannot be created.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "lock").open("w", encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot write to {folder} ({error.strerror}); choose another --folder") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(f"another demo uses {folder}; stop it, or choose another --folder") from None
        yield


def end_leftovers(folder: Path) -> int:
    """End the processes that a killed run left running. Return their number."""
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


class HttpServer:
    """A server of this run.

    Args:
        children: the processes of the run.
        start: starts it on a port.
        path: path that the server answers with success once it is ready.
        port: its port; None uses a free one.
    """

    def __init__(
        self, children: Children, start: Callable[[int], psutil.Popen], path: str, *, port: int | None = None
    ) -> None:
        self._children, self._start, self._path, self._port = children, start, path, port
        self._begin()

    def _begin(self) -> None:
        port = self._port or free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.process = self._start(port)

    def wait(self) -> bool:
        """Wait until it is ready, and return whether it is. If another program took a free port, it tries another."""
        for _ in range(TRIES - 1 if self._port is None else 0):
            if self._is_ready():
                return True
            self._children.stop(self.process)
            self._begin()
        return self._is_ready()

    def _is_ready(self) -> bool:
        deadline = time.monotonic() + START_WAIT_S
        while time.monotonic() < deadline and self.process.poll() is None:
            with contextlib.suppress(OSError), urllib.request.urlopen(self.url + self._path, timeout=2):  # noqa: S310
                return True
            time.sleep(0.05)
        return False


def end(processes: Sequence[psutil.Process]) -> None:
    """End processes and everything that they started: SIGTERM, `STOP_WAIT_S`, SIGKILL."""
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
    """Return the processes of these sessions. A worker that forked while its parent ended has no parent any more."""
    processes = set()
    for process in psutil.process_iter():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.getsid(process.pid) in sessions:
                processes.add(process)
    return processes
