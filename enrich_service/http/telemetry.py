"""The folder in which the workers of one service keep what they count: made at the start, gone at the end.

It lies in memory where the system has such a place: counters are written at every request. Nothing here imports
prometheus_client, which looks at the variable when it is imported, in the workers.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


@contextlib.contextmanager
def telemetry_folder(memory: Path) -> Iterator[Path]:
    """A folder of its own for this service; prometheus_client finds it by the environment, in all children."""
    owner = os.getpid()
    place = memory if os.access(memory, os.W_OK) else None
    folder = Path(tempfile.mkdtemp(prefix="oversight-enrich-", dir=place))
    os.environ[FOLDER_VARIABLE] = str(folder)
    try:
        yield folder
    finally:
        if os.getpid() == owner:  # a worker comes by here as well when it ends
            shutil.rmtree(folder, ignore_errors=True)


def forget(folder: Path, worker: int) -> None:
    """Drop what only holds while a worker lives: its gauges. Its counters stay in the sum."""
    for path in folder.glob(f"gauge_live*_{worker}.db"):
        path.unlink(missing_ok=True)
