"""Open a file as a table, by its ending.

.csv .tsv .txt          header, then rows ─┐
.json .jsonl .ndjson    an object a line  ─┼─▶ Batch, Batch, ...   memory for one batch at a time
.parquet                columns           ─┘
(each of the first two may be packed: .gz)
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO, cast

from common.tables import delimited, json_lines, parquet
from common.tables.batch import Batch
from contract.errors import InputError
from contract.files import open_regular

BATCH_ROWS = 10_000
ENDINGS = {
    **dict.fromkeys((".csv", ".tsv", ".txt", ".data"), "csv"),
    **dict.fromkeys((".json", ".jsonl", ".ndjson"), "json"),
    ".parquet": "parquet",
}


@dataclass(frozen=True, slots=True)
class Table:
    """A file of rows, not read yet. Each call of `batches` reads it from the start."""

    path: Path
    kind: str
    """`csv`, `json` or `parquet`."""
    size_bytes: int

    def batches(self, rows: int = BATCH_ROWS, on_bytes: Callable[[int], None] | None = None) -> Iterator[Batch]:
        """The rows, in the file's order.

        Args:
            rows: of one batch.
            on_bytes: called after each batch with the bytes of the file read so far.
        Raises:
            InputError: the file is not what its ending says; names the place.
        """
        with _reading(self.path) as file:
            if self.kind == "parquet":
                batches = parquet.batches(file, self.path, rows)
            else:
                packed = is_packed(self.path)
                stream = cast("IO[bytes]", gzip.GzipFile(fileobj=file)) if packed else file
                read = delimited.batches if self.kind == "csv" else json_lines.batches
                batches = read(stream, self.path, rows)
            for batch in batches:
                yield batch
                if on_bytes is not None:
                    on_bytes(file.tell())


def is_packed(path: Path) -> bool:
    """Whether a file is packed by gzip, by its ending."""
    return path.suffix.lower() == ".gz"


def ending_of(path: Path) -> str:
    """What a file is by its ending, in small letters; of a packed file the ending before that."""
    return (Path(path.stem) if is_packed(path) else path).suffix.lower()


def open_table(path: Path) -> Table:
    """A file as a table; its ending says what it is.

    Raises:
        InputError: there is no such file, or its ending is none of `ENDINGS`.
    """
    kind = ENDINGS.get(ending_of(path))
    if kind is None or (kind == "parquet" and is_packed(path)):
        raise InputError(
            f"{path} ends in none of {', '.join(ENDINGS)} (but for .parquet, .gz may follow); rename it to what it is"
        )
    try:
        return Table(path, kind, path.stat().st_size)
    except OSError as error:
        raise InputError(f"cannot read {path} ({error.strerror or error}); name a file of rows") from None


@contextmanager
def _reading(path: Path) -> Iterator[BinaryIO]:
    try:
        with open_regular(path) as file:
            yield file
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{path} cannot be unpacked ({error}); pack it again with gzip") from None
    except OSError as error:
        raise InputError(f"cannot read {path} ({error.strerror or error}); name a file of rows") from None
