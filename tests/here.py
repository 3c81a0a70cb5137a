"""Runs commands inside the test process, if a test needs no separate process: most of its time would be imports."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

from oversight.cli import main
from tests.acceptance.commands import Terminal


class TerminalHere(Terminal):
    """A user's terminal whose commands run in the test process, with the terminal's settings as their environment."""

    def type(self, *words: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
        """Run `oversight WORDS` to its end."""
        with patch.dict(os.environ, {**self.environment, **more}, clear=True):
            return oversight_here(*words, cwd=self.folder)


def oversight_here(*words: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command of `oversight` in the test process. Return its result as that of a process."""
    return run_here(main, *words, cwd=cwd)


def run_here(
    program: Callable[[list[str]], object], *words: object, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a program in the test process: call this function with its arguments."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    arguments, code = [str(word) for word in words], 0
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), contextlib.chdir(cwd or Path.cwd()):
        try:
            program(arguments)
        except SystemExit as ending:
            code = int(ending.code or 0)
        finally:
            for number, handler in handlers.items():  # a command that ends normally on Ctrl-C installs its own handler
                signal.signal(number, handler)
    outputs = [stream.buffer.getvalue().decode() for stream in (out, err)]
    return subprocess.CompletedProcess(arguments, code, *outputs)


def json_here(*words: object, cwd: Path | None = None) -> Any:
    """Run a command with `--json` in the test process. It must exit with 0; return its parsed output."""
    done = oversight_here(*words, "--json", cwd=cwd)
    assert done.returncode == 0, f"{words}: {done.stdout} {done.stderr}"
    return json.loads(done.stdout)
