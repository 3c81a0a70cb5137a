"""The folder with the counts of all workers of one service; it exists as long as the service runs.

It is in memory if the system has such a folder, because every request writes counters. Nothing here imports
prometheus_client, which reads the variable when a worker imports it.
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
    """Create the folder; prometheus_client finds it through the environment in all child processes."""
    owner = os.getpid()
    place = memory if os.access(memory, os.W_OK) else None
    folder = Path(tempfile.mkdtemp(prefix="oversight-enrich-", dir=place))
    os.environ[FOLDER_VARIABLE] = str(folder)
    try:
        yield folder
    finally:
        if os.getpid() == owner:  # a worker that ends runs this too
            shutil.rmtree(folder, ignore_errors=True)


def forget(folder: Path, worker: int) -> None:
    """Delete the gauges of a worker that has ended. Its counters stay in the sum."""
    for path in folder.glob(f"gauge_live*_{worker}.db"):
        path.unlink(missing_ok=True)
