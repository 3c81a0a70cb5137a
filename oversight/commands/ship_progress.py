"""Progress of shipping on standard error: a bar at a terminal, otherwise a line every few seconds."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Self

from rich.progress import BarColumn, DownloadColumn, TaskID, TransferSpeedColumn
from rich.progress import Progress as Bars

from es_pipelines.ship.shipper import Progress
from oversight.tables import progress as bars
from oversight.tables import text_column
from oversight.terminal import one_line

LINE_INTERVAL_S = 5.0


class ProgressDisplay:
    """Shows each `Progress`. `last` is the newest."""

    def __init__(self) -> None:
        self.last: Progress | None = None
        self._next_line = time.monotonic() + LINE_INTERVAL_S
        self._tasks: dict[str, TaskID] = {}
        self._bars: Bars | None = None
        if sys.stderr.isatty():
            columns = (text_column("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
            self._bars = bars(*columns, transient=True)

    def __enter__(self) -> Self:
        if self._bars is not None:
            self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove the bars."""
        if self._bars is not None:
            self._bars.stop()

    def update(self, progress: Progress) -> None:
        """Show the progress of shipping."""
        self.last = progress
        self._show(progress.path, progress.offset, progress.size, f"{progress.report.stored} events stored so far")

    def rows_read(self, path: str, offset: int, size: int, rows: int) -> None:
        """Show the progress of a dry run."""
        self._show(path, offset, size, f"{rows} rows read so far")

    def _show(self, path: str, offset: int, size: int, done: str) -> None:
        if self._bars is not None:
            total = size or None  # the size of standard input and of compressed files is unknown
            if path not in self._tasks:
                self._tasks[path] = self._bars.add_task(one_line(Path(path).name), total=total)
            self._bars.update(self._tasks[path], completed=offset, total=total)
        elif time.monotonic() >= self._next_line:
            self._next_line = time.monotonic() + LINE_INTERVAL_S
            share = f"{100 * offset // size} %" if size else f"{offset} bytes"
            sys.stderr.write(f"{one_line(path)}: {share}, {done}\n")
