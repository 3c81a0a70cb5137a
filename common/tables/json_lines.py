"""Rows of a file with a JSON object on each line; nested objects become columns with dotted names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import orjson

from common.tables.batch import Batch
from contract.errors import InputError

MAX_LINE = 16 * 1024 * 1024
"""Bytes of a line."""


def batches(stream: IO[bytes], path: Path, size: int) -> Iterator[Batch]:
    """The rows of a file; blank lines are no rows. A line that is no object is a broken row.

    Raises:
        InputError: a line is too long.
    """
    first = 1
    rows: list[dict[str, Any]] = []
    broken: dict[int, str] = {}
    for number, line in enumerate(iter(lambda: stream.readline(MAX_LINE + 1), b""), 1):
        if len(line) > MAX_LINE:
            raise InputError(f"{path}, line {number} has more than {MAX_LINE:,} bytes; write one JSON object a line")
        if not line.strip():
            continue
        try:
            rows.append(_row(line))
        except orjson.JSONDecodeError as error:
            broken[len(rows)] = f"the line is not a JSON object ({error.msg})"
            rows.append({})
        if len(rows) == size:
            yield batch_of(first, rows, broken)
            first, rows, broken = first + size, [], {}
    if rows:
        yield batch_of(first, rows, broken)


def batch_of(first: int, rows: list[dict[str, Any]], broken: dict[int, str]) -> Batch:
    """Rows that are objects, as columns."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    return Batch(first, len(rows), {name: [row.get(name) for row in rows] for name in names}, broken)


def _row(line: bytes) -> dict[str, Any]:
    document = orjson.loads(line)
    if not isinstance(document, dict):
        raise orjson.JSONDecodeError(f"it is a {type(document).__name__}", "", 0)
    return flat(document)


def flat(document: Mapping[str, Any]) -> dict[str, Any]:
    """A document with dotted names in place of nested objects; a list of one value is that value."""
    row: dict[str, Any] = {}
    stack = [("", document)]
    while stack:
        prefix, part = stack.pop()
        for key, value in part.items():
            if isinstance(value, dict):
                stack.append((f"{prefix}{key}.", value))
            else:
                row[f"{prefix}{key}"] = value[0] if isinstance(value, list) and len(value) == 1 else value
    return row
