"""Rows of a file with a JSON object on each line; nested objects become columns with dotted names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import orjson

from common.tables.batch import Batch
from common.tables.bounds import BATCH_BYTES, BATCH_CELLS, MAX_NAME, check_names, lines_of
from contract.errors import InputError


def batches(stream: IO[bytes], path: Path, size: int) -> Iterator[Batch]:
    """The rows of a file; blank lines are no rows. A line that is no object is a broken row.

    Raises:
        InputError: a line is too long, or there are too many names.
    """
    first = 1
    rows: list[dict[str, Any]] = []
    names: dict[str, None] = {}
    broken: dict[int, str] = {}
    volume = 0
    for line in lines_of(stream, path):
        if not line.strip():
            continue
        try:
            row = _row(line)
        except orjson.JSONDecodeError as error:
            row, broken[len(rows)] = {}, f"the line is not a JSON object ({error.msg})"
        except InputError as error:
            row, broken[len(rows)] = {}, str(error)
        rows.append(row)
        names.update(dict.fromkeys(row))
        volume += len(line)
        if len(rows) == size or volume > BATCH_BYTES or len(names) * len(rows) > BATCH_CELLS:
            check_names(list(names), path)
            yield batch_of(first, rows, broken)
            first, rows, names, broken, volume = first + len(rows), [], {}, {}, 0
    if rows:
        check_names(list(names), path)
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
    """A document with dotted names in place of nested objects; a list of one value is that value.

    Raises:
        InputError: a name is too long.
    """
    row: dict[str, Any] = {}
    stack = [("", document)]
    while stack:
        prefix, part = stack.pop()
        for key, value in part.items():
            if len(prefix) + len(key) > MAX_NAME:
                raise InputError(f"a field's name has more than {MAX_NAME:,} characters; shorten it")
            if isinstance(value, dict):
                stack.append((f"{prefix}{key}.", value))
            else:
                row[f"{prefix}{key}"] = value[0] if isinstance(value, list) and len(value) == 1 else value
    return row
