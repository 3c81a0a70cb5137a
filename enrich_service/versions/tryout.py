"""Open models in a process of their own before anything predicts with them.

    TryOut(models) ── fork ──▶ child: ONNX Runtime, each predicts one document ──▶ pipe ──▶ what is wrong with each
                                  └─ crashes, or takes too long: nothing comes through the pipe

ONNX Runtime does not survive a fork, so the process that forks the workers never imports it. The child ends itself
when its time is over, even if its parent has ended. gunicorn waits for every child of its process, so only the pipe
shows how the child ended.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import time
from collections.abc import Callable, Sequence

from contract.artifact.file import ModelFile
from contract.distribution import DISTRIBUTION
from contract.errors import ArtifactError

LIMIT_S = 60.0
"""Default seconds for opening a model."""
MAX_ANSWER_BYTES = 64 * 1024
MAX_REASON = 200
"""Most characters of an exception in a message."""
INSTALL_AGAIN = f"install it again with its packages (pip install --upgrade {DISTRIBUTION})"


def try_out(*models: ModelFile, limit_s: float = LIMIT_S) -> None:
    """Open each model once, and wait until it is done.

    Raises:
        ArtifactError: a model cannot be served, crashes ONNX Runtime, or takes longer than `limit_s`.
    """
    with contextlib.closing(TryOut(models, limit_s=limit_s)) as trial:
        problems = trial.wait()
    for problem in problems:
        if problem is not None:
            raise ArtifactError(problem)


class TryOut:
    """One trial of some models."""

    def __init__(self, models: Sequence[ModelFile], *, limit_s: float = LIMIT_S) -> None:
        self.models, self.limit_s = models, limit_s
        self.began_s = time.monotonic()
        self._deadline_s = self.began_s + limit_s
        self._answer, self._over = b"", False
        self._pipe, of_child = os.pipe()
        self._child = os.fork()
        if self._child == 0:
            _answer(models, of_child, limit_s)
        os.close(of_child)

    def wait(self) -> list[str | None]:
        """As `poll`, but wait until the trial has ended."""
        while (problems := self.poll(wait_s=1.0)) is None:
            pass
        return problems

    def poll(self, *, wait_s: float = 0.0) -> list[str | None] | None:
        """The problem of each model, None for a good one; None as a whole while the trial runs."""
        while select.select([self._pipe], [], [], max(min(wait_s, self._deadline_s - time.monotonic()), 0.0))[0]:
            part = os.read(self._pipe, MAX_ANSWER_BYTES)
            if not part:
                self._over = True
                return self._problems()
            self._answer += part
        if time.monotonic() < self._deadline_s:
            return None
        return [
            f"{model.path}: opening it takes longer than {self.limit_s:g} s; convert the model again, or raise "
            f"OVERSIGHT_SERVE_TIMEOUT_S"
            for model in self.models
        ]

    def close(self) -> None:
        """End the child if it still runs, and remove it from the process table."""
        if self._pipe < 0:
            return
        os.close(self._pipe)
        self._pipe = -1
        if not self._over:  # its end of the pipe is open, so the process id is still its own
            os.kill(self._child, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):  # gunicorn was faster
            os.waitpid(self._child, 0)

    def _problems(self) -> list[str | None]:
        try:
            problems: list[str | None] = json.loads(self._answer)
        except ValueError:
            return [
                f"{model.path}: the process that opened the model was killed; look at the machine's memory, "
                f"or convert the model again"
                for model in self.models
            ]
        return problems


def _answer(models: Sequence[ModelFile], pipe: int, limit_s: float) -> None:
    """Run the child. It ends without the parent's clean-up, and always with 0: gunicorn acts on other exit codes."""
    try:
        for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
            with contextlib.suppress(OSError, ValueError):
                signal.signal(number, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, limit_s + 1.0)
        data = json.dumps(_problems_of(models)).encode()
        while data:
            data = data[os.write(pipe, data) :]
    finally:
        os._exit(0)


def _problems_of(models: Sequence[ModelFile]) -> list[str | None]:
    try:
        from enrich_service.versions.rehearsal import rehearse
    except Exception as error:  # noqa: BLE001  importing an installed package that does not fit may raise anything
        fault = f"{reason(error)}: an installed package does not fit this version of Oversight"
        return [f"{model.path}: no model can be opened ({fault}); {INSTALL_AGAIN}" for model in models]
    return [_problem(model, rehearse) for model in models]


def _problem(model: ModelFile, rehearse: Callable[[ModelFile], None]) -> str | None:
    try:
        rehearse(model)
    except ArtifactError as error:
        return str(error)
    except BaseException as error:  # noqa: BLE001  whatever happens here would happen in every worker
        return f"{model.path}: it cannot be served ({reason(error)}); convert the model again"
    return None


def reason(error: BaseException) -> str:
    """An exception in one line; of an `ArtifactError` its whole message."""
    if isinstance(error, ArtifactError):
        return str(error)
    text = " ".join(str(error).split())[:MAX_REASON]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
