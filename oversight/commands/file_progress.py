"""Progress through a file of rows."""

from __future__ import annotations

from collections.abc import Iterator

from rich.progress import DownloadColumn, TransferSpeedColumn

from common.tables.batch import Batch
from common.tables.open_table import BATCH_ROWS, Table
from oversight.progress import Progress


def shown(table: Table, size: int = BATCH_ROWS) -> Iterator[Batch]:
    """The batches of a file, of `size` rows each; shows after each how much of the file is read."""
    read = 0

    def note(offset: int) -> None:
        nonlocal read
        read = offset

    rows, name = 0, str(table.path)
    with Progress(DownloadColumn(), TransferSpeedColumn()) as progress:
        for batch in table.batches(size, on_bytes=note):
            yield batch
            rows += batch.size
            share = f"{100 * read // max(1, table.size_bytes)} %"
            progress.show(name, read, table.size_bytes, f"{name}: {share}, {rows:,} rows so far", note=f"{rows:,} rows")
