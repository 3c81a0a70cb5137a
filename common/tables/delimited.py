"""Rows of a text file with a delimiter and a header that names the columns."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import IO

from common.tables.batch import Batch
from common.tables.bounds import BATCH_BYTES, blocks_of, check_names, lines_of
from common.tables.cells import Cells
from contract.errors import InputError

DELIMITERS = ",;\t|"
BLANK_LINES = (b"\n", b"\r\n", b"\r")
MAX_CELL = 1_000_000
"""Characters of a value; a longer one is a quote that nobody closed."""


def batches(stream: IO[bytes], path: Path, size: int) -> Iterator[Batch]:
    """The rows of a file; blank lines are no rows.

    Raises:
        InputError: there is no header, or it names a column twice.
    """
    csv.field_size_limit(MAX_CELL)
    try:
        lines = _lines(lines_of(stream, path))
        first = next(lines, b"").removeprefix(codecs.BOM_UTF8).decode()
        delimiter = delimiter_of(first)
        header = _header(next(csv.reader([first], delimiter=delimiter), []), path)
        yield from _batches(lines, delimiter, header, size)
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text ({error.reason}); save it as UTF-8") from None
    except csv.Error as error:
        raise InputError(f"{path} is not a CSV file ({error}); look for a quote that is not closed") from None


def _lines(lines: Iterator[bytes]) -> Iterator[bytes]:
    """Lines with one end each; a carriage return alone ends one too."""
    for line in lines:
        if b"\r" in line[: -2 if line.endswith(b"\r\n") else -1]:
            yield from line.splitlines(keepends=True)
        else:
            yield line


def delimiter_of(line: str) -> str:
    """The delimiter of a header: the most frequent one."""
    return max(DELIMITERS, key=line.count)


def _header(cells: Sequence[str], path: Path) -> list[str]:
    names = [cell.strip() for cell in cells]
    if not any(names):
        raise InputError(f"{path} has no header; write a first line that names the columns")
    check_names(names, path)
    return names


def _batches(lines: Iterator[bytes], delimiter: str, header: list[str], size: int) -> Iterator[Batch]:
    """Lines without quotes are read all at once, which is five times as fast; from the first quote on, row by row."""
    first = 1
    for block in blocks_of(lines, size):
        data = b"".join(block)
        if b'"' in data or max(map(len, block)) > MAX_CELL:
            texts = map(bytes.decode, chain(block, lines))
            yield from _parsed(csv.reader(texts, delimiter=delimiter, strict=True), first, header, size)
            return
        data = _plain(data, blank=any(line in block for line in BLANK_LINES))
        try:
            cells = Cells(data, delimiter, header)
        except UnicodeDecodeError:
            raise
        except ValueError:
            rows = csv.reader(map(bytes.decode, data.splitlines()), delimiter=delimiter)
            yield from _parsed(rows, first, header, size)
            first += data.count(b"\n")
            continue
        if cells.rows:
            yield Batch(first, cells.rows, cells)
        first += cells.rows


def _plain(data: bytes, *, blank: bool) -> bytes:
    """Lines that end in a line feed alone, the last one too, and no blank ones; `blank`: there are some."""
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if blank:
        data = b"".join(line + b"\n" for line in data.split(b"\n") if line)
    return data if data.endswith(b"\n") or not data else data + b"\n"


def _parsed(reader: Iterator[list[str]], first: int, header: list[str], size: int) -> Iterator[Batch]:
    width = len(header)
    rows: list[list[str] | list[None]] = []
    broken: dict[int, str] = {}
    volume = 0
    for row in reader:
        if not row:
            continue
        volume += sum(map(len, row))
        if len(row) != width:
            broken[len(rows)] = f"the row has {len(row)} columns, the header {width}"
            rows.append([None] * width)
        else:
            rows.append(row)
        if len(rows) == size or volume > BATCH_BYTES:
            yield _batch(first, header, rows, broken)
            first, rows, broken, volume = first + len(rows), [], {}, 0
    if rows:
        yield _batch(first, header, rows, broken)


def _batch(first: int, header: list[str], rows: Sequence[Sequence[str | None]], broken: dict[int, str]) -> Batch:
    return Batch(first, len(rows), dict(zip(header, zip(*rows, strict=True), strict=True)), broken)
