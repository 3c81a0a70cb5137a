"""Training without what costs most of its time on a few rows: the import of TensorFlow and the compiling of a loop."""

from __future__ import annotations

import contextlib
import io
import subprocess
from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf

from oversight.cli import main


def oversight_here(*words: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command in the process of the tests, and tell its end as that of a process."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    arguments, code = [str(word) for word in words], 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), contextlib.chdir(cwd or Path.cwd()):
        try:
            main(arguments)
        except SystemExit as ending:
            code = int(ending.code or 0)
    said = [stream.buffer.getvalue().decode() for stream in (out, err)]
    return subprocess.CompletedProcess(arguments, code, *said)


@contextlib.contextmanager
def uncompiled() -> Iterator[None]:
    """Run TensorFlow's functions step by step: the same steps, quicker where there are only a few."""
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(False)
