"""Write predictions as lines, one for each row.

Scored ─┬─ .csv     header, then a line for each row; a list of several texts as `one | two`
        └─ .jsonl   an object for each row, without the keys that have no value
(each may be packed: .gz)
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Literal, cast

import orjson

from common import atomic_file
from common.tables.open_table import ending_of, is_packed
from contract.errors import InputError
from enrich_service.files.score import Cells, Scored

Form = Literal["csv", "jsonl"]
ENDINGS: dict[str, Form] = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl"}
BETWEEN = " | "
"""Between the texts of a list in a CSV cell; reasons contain commas and semicolons."""
_NEEDS_QUOTES = re.compile('[,"\\r\\n]')
PACKING = 6
"""Level of gzip: as `gzip` itself. Level 9, Python's default, takes twice the time for 1 % less."""


def form_of(path: Path) -> Form:
    """The form of a file, by its ending.

    Raises:
        InputError: it is none of `ENDINGS`.
    """
    form = ENDINGS.get(ending_of(path))
    if form is None:
        raise InputError(f"{path} ends in none of {', '.join(ENDINGS)} (.gz may follow); name the output so")
    return form


@contextmanager
def replaced(path: Path) -> Iterator[IO[bytes]]:
    """A stream to a new file that takes the path's place at the end of the block; after an error the old one stays.

    Raises:
        InputError: the path is no regular file, or cannot be written.
    """
    if path.exists() and not path.is_file():
        raise InputError(f"{path} is a folder or a device; name a file to write")
    try:
        with atomic_file.draft(path) as draft, draft.open("wb") as file:
            if not is_packed(path):
                yield file
            else:
                with gzip.GzipFile("", "wb", PACKING, file, mtime=0) as packed:
                    yield cast("IO[bytes]", packed)
            file.flush()
    except OSError as error:
        raise InputError(f"cannot write {path} ({error.strerror or error}); choose another path") from None


class Lines:
    """Encodes predictions.

    Args:
        form: `csv` or `jsonl`.
        columns: names of the columns, `error` last.
    """

    def __init__(self, form: Form, columns: Sequence[str]) -> None:
        self._columns = columns
        self.header = f"{','.join(columns)}\n".encode() if form == "csv" else b""
        self.encode: Callable[[Scored], bytes] = self._csv if form == "csv" else self._jsonl

    def _csv(self, scored: Scored) -> bytes:
        columns = [_spread(_as_text(scored.columns[name]), scored) for name in self._columns[:-1]]
        errors = [""] * scored.size
        for place, error in scored.errors.items():
            errors[place] = _quoted(error)
        lines = map(",".join, zip(*columns, errors, strict=True))
        return "".join(f"{line}\n" for line in lines).encode("utf-8", "backslashreplace")

    def _jsonl(self, scored: Scored) -> bytes:
        names = self._columns[:-1]
        lines = [orjson.dumps({"error": scored.errors.get(place, "")}) for place in range(scored.size)]
        for place, *cells in zip(scored.index.tolist(), *(scored.columns[name] for name in names), strict=True):
            row = {name: cell for name, cell in zip(names, cells, strict=True) if cell != []}
            lines[place] = orjson.dumps(row)
        return b"".join(line + b"\n" for line in lines)


def _as_text(cells: Cells) -> Sequence[str]:
    """Cells as CSV has them: true and false in small letters, a list as one text, quotes where they are needed."""
    first = cells[0] if cells else None
    if isinstance(first, float | bool):
        return orjson.dumps(cells)[1:-1].decode().split(",")
    texts = [BETWEEN.join(cell) if isinstance(cell, list) else str(cell) for cell in cells]
    quoted = {text: _quoted(text) for text in set(texts)}
    return [quoted[text] for text in texts]


def _quoted(text: str) -> str:
    """A text as a cell of CSV."""
    return '"' + text.replace('"', '""') + '"' if _NEEDS_QUOTES.search(text) else text


def _spread(cells: Sequence[str], scored: Scored) -> Sequence[str]:
    """A cell for each row of the batch: empty in a row with an error."""
    if not scored.errors:
        return cells
    spread = [""] * scored.size
    for place, cell in zip(scored.index.tolist(), cells, strict=True):
        spread[place] = cell
    return spread
