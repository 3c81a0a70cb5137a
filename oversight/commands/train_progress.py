"""Progress of training on standard error: a bar at a terminal, otherwise a line now and then."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TimeElapsedColumn

from oversight.tables import progress, text_column

LINE_INTERVAL_S = 5.0
"""Interval of the lines without a terminal: often enough to show progress, rare enough for a log."""


class TrainProgress:
    """Shows steps and epochs. Use it as a context manager."""

    def __init__(self) -> None:
        self._bar: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._last_line_s = 0.0
        if sys.stderr.isatty():
            self._bar = progress(
                text_column("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                text_column("{task.fields[note]}"),
                TimeElapsedColumn(),
            )

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def say(self, text: str) -> None:
        """Print one line about the next step."""
        if self._bar is not None:
            self._bar.console.print(text)
        else:
            sys.stderr.write(f"{text}\n")

    def epoch(self, name: str, done: int, most: int, note: str) -> None:
        """Show that an epoch of one network has ended. Training may stop before `most`."""
        if self._bar is not None:
            if name not in self._tasks:
                self._tasks[name] = self._bar.add_task(name, total=most, note=note)
            self._bar.update(self._tasks[name], completed=done, note=note)
        elif done == 1 or time.monotonic() - self._last_line_s >= LINE_INTERVAL_S:
            self._last_line_s = time.monotonic()
            sys.stderr.write(f"{name}: epoch {done} of at most {most}, {note}\n")
