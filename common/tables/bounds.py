"""What a file of rows may hold, so that one line, one name or one packed file cannot fill the memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import IO

from contract.errors import InputError, shorten

MAX_LINE = 16 * 1024 * 1024
"""Bytes of a line."""
MAX_COLUMNS = 10_000
MAX_NAME = 1_000
"""Characters of a column's name."""
BATCH_BYTES = 64 * 1024 * 1024
"""Bytes from which a batch ends, however few rows it has."""
BATCH_CELLS = 10_000_000
"""Values from which a batch ends; rows with different names have many that are empty."""
_STEP = 16
"""Lines that are read before their bytes are counted."""


def lines_of(stream: IO[bytes], path: Path) -> Iterator[bytes]:
    """The lines of a file, with their ends.

    Raises:
        InputError: a line is too long.
    """
    for number, line in enumerate(iter(partial(stream.readline, MAX_LINE + 1), b""), 1):
        if len(line) > MAX_LINE:
            raise InputError(f"{path}, line {number} has more than {MAX_LINE:,} bytes; write one row a line")
        yield line


def blocks_of(lines: Iterator[bytes], rows: int) -> Iterator[list[bytes]]:
    """Consecutive lines: as many as a batch has rows, or fewer long ones."""
    while True:
        block: list[bytes] = []
        size = 0
        while len(block) < rows and size < BATCH_BYTES:
            some = list(islice(lines, min(_STEP, rows - len(block))))
            if not some:
                break
            block += some
            size += sum(map(len, some))
        if not block:
            return
        yield block


def check_names(names: Sequence[str], path: Path) -> None:
    """Refuse columns that are too many, have names that are too long, or share a name.

    Raises:
        InputError: says which.
    """
    if len(names) > MAX_COLUMNS:
        raise InputError(f"{path} has {len(names):,} columns, expected {MAX_COLUMNS:,} at most; leave some out")
    if long := [name for name in names if len(name) > MAX_NAME]:
        raise InputError(
            f"{path} has a column whose name has {len(long[0]):,} characters, expected {MAX_NAME:,} at most; shorten it"
        )
    if twice := [name for name, times in Counter(names).items() if times > 1]:
        raise InputError(f"the header of {path} names {shorten(twice[0])} twice; give each column its own name")
