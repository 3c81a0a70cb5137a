"""Rows of a text file with a delimiter and a header that names the columns."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from common.tables.batch import Batch
from contract.errors import InputError, shorten

DELIMITERS = ",;\t|"
MAX_CELL = 1_000_000
"""Characters of a value; a longer one is a quote that nobody closed."""


def batches(stream: IO[bytes], path: Path, size: int) -> Iterator[Batch]:
    """The rows of a file; blank lines are no rows.

    Raises:
        InputError: there is no header, or it names a column twice.
    """
    csv.field_size_limit(MAX_CELL)
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="strict", newline="")
    try:
        first = text.readline()
        delimiter = delimiter_of(first)
        header = _header(next(csv.reader([first], delimiter=delimiter), []), path)
        yield from _batches(csv.reader(text, delimiter=delimiter, strict=False), header, size)
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text ({error.reason}); save it as UTF-8") from None
    except csv.Error as error:
        raise InputError(f"{path} is not a CSV file ({error}); look for a quote that is not closed") from None
    finally:
        text.detach()  # whoever opened the stream closes it


def delimiter_of(line: str) -> str:
    """The delimiter of a header: the most frequent one."""
    return max(DELIMITERS, key=line.count)


def _header(cells: Sequence[str], path: Path) -> list[str]:
    names = [cell.strip() for cell in cells]
    if not any(names):
        raise InputError(f"{path} has no header; write a first line that names the columns")
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise InputError(f"the header of {path} names {shorten(twice[0])} twice; give each column its own name")
    return names


def _batches(reader: Iterator[list[str]], header: list[str], size: int) -> Iterator[Batch]:
    width, first = len(header), 1
    rows: list[list[str] | list[None]] = []
    broken: dict[int, str] = {}
    for row in reader:
        if not row:
            continue
        if len(row) != width:
            broken[len(rows)] = f"the row has {len(row)} columns, the header {width}"
            rows.append([None] * width)
        else:
            rows.append(row)
        if len(rows) == size:
            yield _batch(first, header, rows, broken)
            first, rows, broken = first + size, [], {}
    if rows:
        yield _batch(first, header, rows, broken)


def _batch(first: int, header: list[str], rows: Sequence[Sequence[str | None]], broken: dict[int, str]) -> Batch:
    return Batch(first, len(rows), dict(zip(header, zip(*rows, strict=True), strict=True)), broken)
