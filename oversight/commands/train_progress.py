"""Progress of training."""

from __future__ import annotations

from rich.progress import MofNCompleteColumn, TimeElapsedColumn

from oversight.progress import Progress


class TrainProgress(Progress):
    """Shows steps and epochs."""

    def __init__(self) -> None:
        super().__init__(MofNCompleteColumn(), TimeElapsedColumn())

    def epoch(self, name: str, done: int, most: int, note: str) -> None:
        """Show that an epoch of one network has ended. Training may stop before `most`."""
        line = f"{name}: epoch {done} of at most {most}, {note}"
        self.show(name, done, most, line, note=note, first=done == 1)
