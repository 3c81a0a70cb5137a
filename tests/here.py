"""Runs commands inside the test process, if a test needs no separate process: most of its time would be imports."""

from __future__ import annotations

import contextlib
import io
import signal
import subprocess
from pathlib import Path

from oversight.cli import main


def oversight_here(*words: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command in the test process. Return its result as that of a process."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    arguments, code = [str(word) for word in words], 0
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), contextlib.chdir(cwd or Path.cwd()):
        try:
            main(arguments)
        except SystemExit as ending:
            code = int(ending.code or 0)
        finally:
            for number, handler in handlers.items():  # a command that ends normally on Ctrl-C installs its own handler
                signal.signal(number, handler)
    outputs = [stream.buffer.getvalue().decode() for stream in (out, err)]
    return subprocess.CompletedProcess(arguments, code, *outputs)
