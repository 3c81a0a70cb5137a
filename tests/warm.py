"""Runs commands as separate processes, without the half second that each needs for its imports.

    test ──▶ warm parent, one per pytest process: has imported the packages, and does nothing else
                │ fork, for each command
                └──▶ child: the command's arguments, environment, folder and output; runs `oversight.cli.main` and ends

The parent never runs a command itself, and it has one thread. So every child starts from the same state.

Tests that start a command and keep it running use `python -m oversight`, as does tests/integration/oversight.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import io
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from tests.guardian import CURRENT
from tests.waiting import WAIT_S

IMPORTED = (
    "oversight.client.cluster",
    "oversight.config.settings",
    "oversight.commands.check",
    "oversight.commands.demo",
    "oversight.commands.evaluate",
    "oversight.commands.evaluate_stream",
    "oversight.commands.incidents",
    "oversight.commands.kibana",
    "oversight.commands.labels",
    "oversight.commands.model",
    "oversight.commands.predict",
    "oversight.commands.provision",
    "oversight.commands.retry",
    "oversight.commands.rescore",
    "oversight.commands.sense",
    "oversight.commands.sense_report",
    "oversight.commands.ship",
    "oversight.commands.simulate",
    "oversight.commands.status",
    "oversight.commands.verdict",
    "oversight.commands.watch",
    "watcher.loop",
    "es_pipelines.provision.apply",
    "es_pipelines.ship.shipper",
    "urllib3",
)
"""No module here imports TensorFlow: it starts threads, which a fork does not copy."""
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1"}
"""The parent's environment: by default NumPy's algebra library starts threads when it is imported."""
Order = Mapping[str, object]


def run(
    *words: str | Path, env: Mapping[str, str], cwd: Path, timeout: float = WAIT_S
) -> subprocess.CompletedProcess[str]:
    """Run `oversight WORDS` to its end, like `subprocess.run(..., capture_output=True, text=True)`.

    Raises:
        subprocess.TimeoutExpired: it did not end, and was killed.
    """
    order = {"words": [str(word) for word in words], "env": dict(env), "cwd": str(cwd)}
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        code = _parent().run(order, (out.fileno(), err.fileno()), timeout)
        outputs = []
        for stream in (out, err):
            stream.seek(0)
            outputs.append(io.TextIOWrapper(io.BytesIO(stream.read()), "utf-8").read())
    return subprocess.CompletedProcess(["oversight", *map(str, words)], code, *outputs)


class Parent:
    """The warm parent, as a test uses it."""

    def __init__(self) -> None:
        our_end, parent_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        environment = {name: value for name, value in os.environ.items() if name != CURRENT}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.warm", str(parent_end.fileno())],
            pass_fds=[parent_end.fileno()],
            stdin=subprocess.DEVNULL,
            cwd=Path(__file__).resolve().parent.parent,
            env=environment | ONE_THREAD,
        )
        parent_end.close()
        self._socket, self._turn = our_end, threading.Lock()

    def run(self, order: Order, outputs: tuple[int, int], timeout: float) -> int:
        """Run one command and return its exit code; negative for a signal."""
        our_end, parent_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with our_end, parent_end, tempfile.TemporaryFile() as text:
            text.write(json.dumps(order).encode())
            text.flush()
            with self._turn:
                socket.send_fds(self._socket, [b"1"], [parent_end.fileno(), text.fileno(), *outputs])
            parent_end.close()
            our_end.settimeout(timeout)
            with our_end.makefile("r", encoding="ascii") as answers:
                pid = int(answers.readline())
                try:
                    return int(answers.readline())
                except TimeoutError:
                    os.kill(pid, signal.SIGKILL)
                    raise subprocess.TimeoutExpired(str(order["words"]), timeout) from None

    def end(self) -> None:
        """Close the socket and wait: the parent ends when its socket is closed."""
        self._socket.close()
        self._process.wait(WAIT_S)


@cache
def _parent() -> Parent:
    return Parent()


def end() -> None:
    """End the warm parent of this process, if there is one."""
    if _parent.cache_info().currsize:
        _parent().end()
        _parent.cache_clear()


def serve(orders: socket.socket) -> None:
    """Run the warm parent: one fork per order, until the other end is closed."""
    while True:
        word, fds, *_ = socket.recv_fds(orders, 1, 4)
        if not word:
            return
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if os.fork() == 0:
            orders.close()
            _answer(*fds)
        for fd in fds:
            os.close(fd)


def _answer(answers: int, text: int, out: int, err: int) -> None:
    """Run one command in a child, and send its pid and its exit code. Never returns."""
    with os.fdopen(text, "rb") as file:
        file.seek(0)
        order = json.load(file)
    child = os.fork()
    if child == 0:
        os.close(answers)
        _become(order, out, err)
    os.close(out)
    os.close(err)
    os.write(answers, f"{child}\n".encode())
    _, status = os.waitpid(child, 0)
    with contextlib.suppress(BrokenPipeError):
        os.write(answers, f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def _become(order: Order, out: int, err: int) -> None:
    """Become the command, like `python -m oversight WORDS` in this environment and folder. Never returns."""
    for source, target in ((out, 1), (err, 2)):
        os.dup2(source, target)
        os.close(source)
    os.environ.clear()
    os.environ.update(order["env"])  # type: ignore[call-overload]  # it comes from JSON
    os.chdir(str(order["cwd"]))
    words = [str(word) for word in order["words"]]  # type: ignore[attr-defined]
    sys.argv = ["oversight", *words]
    for name, fd in (("stdout", 1), ("stderr", 2)):
        errors = "strict" if name == "stdout" else "backslashreplace"
        stream = os.fdopen(fd, "w", buffering=fd == 2 or -1, encoding="utf-8", errors=errors, closefd=False)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    from oversight.cli import main

    main(words)
    sys.exit(0)  # not `os._exit`: threads and handlers end as in any process


if __name__ == "__main__":
    sys.modules["pyarrow"] = None  # type: ignore[assignment]  # the Elasticsearch client would import it, and NumPy
    for module in IMPORTED:
        importlib.import_module(module)
    del sys.modules["pyarrow"]  # a command that needs it imports it in its own process
    if len(list(Path("/proc/self/task").iterdir())) > 1:
        sys.exit(
            "tests/warm.py: a package of IMPORTED starts a thread, and a fork would wait for it forever; remove it"
        )
    gc.freeze()  # a collection in a child would write to, and so copy, the memory that it shares with its parent
    with socket.socket(fileno=int(sys.argv[1])) as here:
        serve(here)
