"""What a person sees while a model is trained: a bar at a terminal, now and then a line elsewhere. All on stderr."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TimeElapsedColumn

from oversight.tables import progress, text_column

LINE_INTERVAL_S = 5.0
"""Between two lines where there is no terminal: enough to see that it lives, few enough for a log."""


class TrainProgress:
    """Shows steps and epochs; use it as a context manager."""

    def __init__(self) -> None:
        self._bar: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._said = 0.0
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
        """One line about the step that begins."""
        if self._bar is not None:
            self._bar.console.print(text)
        else:
            sys.stderr.write(f"{text}\n")

    def epoch(self, name: str, done: int, most: int, note: str) -> None:
        """An epoch of one network has ended; training may stop before `most`."""
        if self._bar is not None:
            if name not in self._tasks:
                self._tasks[name] = self._bar.add_task(name, total=most, note=note)
            self._bar.update(self._tasks[name], completed=done, note=note)
        elif done == 1 or time.monotonic() - self._said >= LINE_INTERVAL_S:
            self._said = time.monotonic()
            sys.stderr.write(f"{name}: epoch {done} of at most {most}, {note}\n")
