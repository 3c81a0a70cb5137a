"""Progress of a command on standard error: bars at a terminal, otherwise a line every few seconds.

with Progress() as progress:
    progress.show("file.csv", 10, 100, "file.csv: 10 %")
"""

from __future__ import annotations

import sys
import time
from pathlib import PurePath
from typing import Self

from rich.progress import ProgressColumn, TaskID

from oversight.tables import progress_bars
from oversight.terminal import one_line

LINE_INTERVAL_S = 5.0
"""Interval of the lines without a terminal: often enough to show progress, rare enough for a log."""


class Progress:
    """Shows the progress of one or more tasks, until the end of the block.

    Args:
        columns: what to show between the bar and the note of a task.
    """

    def __init__(self, *columns: ProgressColumn) -> None:
        self._bars = progress_bars(*columns) if sys.stderr.isatty() else None
        self._tasks: dict[str, TaskID] = {}
        self._next_line_s = time.monotonic() + LINE_INTERVAL_S

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

    def say(self, text: str) -> None:
        """Print one line about the next step."""
        if self._bars is not None:
            self._bars.console.print(text)
        else:
            sys.stderr.write(f"{text}\n")

    def show(self, name: str, done: int, total: int | None, line: str, *, note: str = "", first: bool = False) -> None:
        """Show how far a task is.

        Args:
            name: of the task; a bar shows only the last part of a path.
            done: units that are done.
            total: all units; None: unknown.
            line: the text without a terminal.
            note: what the bar shows beside the numbers.
            first: print the line even if the last one is recent.
        """
        if self._bars is not None:
            if name not in self._tasks:
                self._tasks[name] = self._bars.add_task(one_line(PurePath(name).name), total=total, note=note)
            self._bars.update(self._tasks[name], completed=done, total=total, note=note)
        elif first or time.monotonic() >= self._next_line_s:
            self._next_line_s = time.monotonic() + LINE_INTERVAL_S
            sys.stderr.write(f"{one_line(line)}\n")
