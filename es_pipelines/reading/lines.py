r"""Split the bytes of a file into lines, and group lines into batches. The only I/O is the `read` that is passed in.

    read(n) ──▶ chunks ──▶ Splitter ──▶ Line(offset, content, end) ──▶ batches, bounded by count and bytes

A line ends in `\n` or `\r\n`. Blank lines are lines too (`reading.rows` skips them). A line end at the end of the file
does not start another line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, Protocol, TypeVar

from contract.errors import InputError, UnreadableFileError

CHUNK_BYTES = 1024 * 1024
MAX_LINE_BYTES = 32 * 1024 * 1024
"""A longer line is no log line. As JSON it would also come near the 100 MB that Elasticsearch accepts in a request."""

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
    """False for a last line without a line end (yet)."""


class Lines:
    """Splits bytes into lines as they arrive, in pieces of any length.

    Args:
        offset: position of the first byte in the file; it begins a line.
        max_line_bytes: longest line that is accepted.
    """

    def __init__(self, offset: int = 0, *, max_line_bytes: int = MAX_LINE_BYTES) -> None:
        self._offset, self._max_line_bytes = offset, max_line_bytes
        self._open_parts: list[bytes] = []
        self._open_bytes = 0

    def feed(self, piece: bytes) -> Iterator[Line]:
        """The lines that end in this piece.

        Raises:
            UnreadableFileError: a line is longer than allowed.
        """
        *whole, rest = piece.split(b"\n")
        if whole and self._open_parts:
            whole[0] = b"".join([*self._open_parts, whole[0]])
            self._open_parts, self._open_bytes = [], 0
        for content in whole:
            begin, self._offset = self._offset, self._offset + len(content) + 1
            yield Line(begin, without_return(content), self._offset)
        if rest:
            self._open_parts.append(rest)
            self._open_bytes += len(rest)
        if self._open_bytes > self._max_line_bytes:
            raise UnreadableFileError(
                f"the line at byte {self._offset} is longer than {self._max_line_bytes} bytes; "
                f"expected text in lines: is this a log file?"
            )

    def close(self, *, complete: bool) -> Iterator[Line]:
        """The last line, if it has no line end and nothing more will come (`complete`)."""
        if self._open_parts and complete:
            last = b"".join(self._open_parts)
            yield Line(self._offset, without_return(last), self._offset + len(last), terminated=False)


class Splitter(Protocol):
    """Splits bytes into lines."""

    def feed(self, piece: bytes) -> Iterator[Line]:
        """The lines that are now complete."""

    def close(self, *, complete: bool) -> Iterator[Line]:
        """The remaining lines at the end."""


def split(
    read: Callable[[int], bytes], splitter: Splitter, *, complete: bool = True, chunk_bytes: int = CHUNK_BYTES
) -> Iterator[Line]:
    """The lines in the data from `read`, until it returns nothing.

    Args:
        read: returns the next bytes, at most as many as asked for; empty at the end.
        splitter: splits the bytes.
        complete: a last line without a line end counts; otherwise it waits for the rest.
        chunk_bytes: bytes to ask for at once; does not change the lines.
    Raises:
        UnreadableFileError: the data is not lines of text.
    """
    while chunk := read(chunk_bytes):
        yield from splitter.feed(chunk)
    yield from splitter.close(complete=complete)


def without_return(piece: bytes) -> bytes:
    r"""A line without the `\r` of its line end."""
    return piece[:-1] if piece.endswith(b"\r") else piece


def skip_line_end(following: bytes) -> int | None:
    r"""How many bytes to skip after a last line that had no line end when it was read.

    Args:
        following: the bytes that now follow it, at least the first two.
    Returns:
        length of the line end that was added; 0 if nothing (or half a `\r\n`) was added; None if the line itself was
        continued.
    """
    if following in (b"", b"\r"):
        return 0
    if following.startswith(b"\n"):
        return 1
    return 2 if following.startswith(b"\r\n") else None


def batches(
    items: Iterable[_Item], size_of: Callable[[_Item], int], *, max_count: int, max_bytes: int
) -> Iterator[list[_Item]]:
    """Items in their order, in lists of at most `max_count` items and `max_bytes` bytes.

    An item of more than `max_bytes` is alone in its list.
    """
    batch: list[_Item] = []
    total = 0
    try:
        for item in items:
            size = size_of(item)
            if batch and (len(batch) == max_count or total + size > max_bytes):
                yield batch
                batch, total = [], 0
            batch.append(item)
            total += size
    except InputError:
        if batch:  # keep the items before the error
            yield batch
        raise
    if batch:
        yield batch
