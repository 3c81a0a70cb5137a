r"""Bytes of a file into lines, and lines into batches. No I/O but the `read` that is passed in.

    read(n) ──▶ chunks ──▶ Line(offset, content, end) ──▶ batches, bounded by count and bytes

A line ends in `\n` or `\r\n`. Blank lines are lines; a line end at the end of the file begins no further line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, TypeVar

from contract.errors import InputError

CHUNK_BYTES = 1024 * 1024
MAX_LINE_BYTES = 32 * 1024 * 1024
"""A longer line is no log line; escaped as JSON it would also near the 100 MB that Elasticsearch takes in one request."""

_Item = TypeVar("_Item")


class Line(NamedTuple):
    """One line of a file."""

    offset: int
    """Where it begins, in bytes."""
    content: bytes
    """Without its line end."""
    end: int
    """Where the next line begins, in bytes."""
    terminated: bool = True
    """False for a last line that has no line end (yet)."""


def read_lines(
    read: Callable[[int], bytes],
    start: int = 0,
    *,
    complete: bool = True,
    chunk_bytes: int = CHUNK_BYTES,
    max_line_bytes: int = MAX_LINE_BYTES,
) -> Iterator[Line]:
    """Lines of what `read` gives until it gives nothing.

    Args:
        read: the next bytes, at most as many as asked for; empty at the end.
        start: offset of the first byte in the file; it begins a line.
        complete: a last line without a line end counts; otherwise it waits for the rest.
        chunk_bytes: how much to ask for at once; no influence on the lines.
        max_line_bytes: longest line that is taken.
    Raises:
        InputError: a line is longer.
    """
    offset, open_bytes = start, 0
    open_parts: list[bytes] = []
    while chunk := read(chunk_bytes):
        *whole, rest = chunk.split(b"\n")
        if whole and open_parts:
            whole[0] = b"".join([*open_parts, whole[0]])
            open_parts, open_bytes = [], 0
        for piece in whole:
            end = offset + len(piece) + 1
            yield Line(offset, without_return(piece), end)
            offset = end
        if rest:
            open_parts.append(rest)
            open_bytes += len(rest)
        if open_bytes > max_line_bytes:
            raise InputError(
                f"the line at byte {offset} is longer than {max_line_bytes} bytes; "
                f"expected text in lines: is this a log file?"
            )
    if open_parts and complete:
        last = b"".join(open_parts)
        yield Line(offset, without_return(last), offset + len(last), terminated=False)


def without_return(piece: bytes) -> bytes:
    r"""A line without the `\r` that belongs to its line end."""
    return piece[:-1] if piece.endswith(b"\r") else piece


def skip_line_end(following: bytes) -> int | None:
    r"""How to go on after a last line that had no line end when it was read.

    Args:
        following: the bytes that stand behind it by now, at least the first two.
    Returns:
        length of the line end that came in the meantime; 0 where nothing (or half a `\r\n`) came; None where the line
        itself was continued.
    """
    if following in (b"", b"\r"):
        return 0
    if following.startswith(b"\n"):
        return 1
    return 2 if following.startswith(b"\r\n") else None


def batches(
    items: Iterable[_Item], size_of: Callable[[_Item], int], *, max_count: int, max_bytes: int, alone_bytes: int
) -> Iterator[list[_Item]]:
    """Items in their order, in lists of at most `max_count` items and `max_bytes` bytes.

    An item of `alone_bytes` or more (or of more than `max_bytes`) stands alone in its list.
    """
    batch: list[_Item] = []
    total = 0
    try:
        for item in items:
            size = size_of(item)
            alone = size >= alone_bytes
            if batch and (alone or len(batch) == max_count or total + size > max_bytes):
                yield batch
                batch, total = [], 0
            batch.append(item)
            total += size
            if alone:
                yield batch
                batch, total = [], 0
    except InputError:
        if batch:  # what came before the error counts
            yield batch
        raise
    if batch:
        yield batch
