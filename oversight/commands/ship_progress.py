"""Progress of `oversight ship`."""

from __future__ import annotations

from rich.progress import DownloadColumn, TransferSpeedColumn

from es_pipelines.ship import shipper
from oversight.progress import Progress


class ShipProgress(Progress):
    """Shows how far each file is. `last` is the newest progress of shipping."""

    def __init__(self) -> None:
        super().__init__(DownloadColumn(), TransferSpeedColumn())
        self.last: shipper.Progress | None = None

    def shipped(self, progress: shipper.Progress) -> None:
        """Show the progress of shipping."""
        self.last = progress
        self._show_file(progress.path, progress.offset, progress.size, f"{progress.report.stored} events stored so far")

    def rows_read(self, path: str, offset: int, size: int, rows: int) -> None:
        """Show the progress of a dry run."""
        self._show_file(path, offset, size, f"{rows} rows read so far")

    def _show_file(self, path: str, offset: int, size: int, done: str) -> None:
        """Show one file. The size of standard input and of compressed files is unknown: 0."""
        share = f"{100 * offset // size} %" if size else f"{offset} bytes"
        self.show(path, offset, size or None, f"{path}: {share}, {done}")
