r"""Split the bytes of a file into lines, and group lines into batches. The only I/O is the `read` that is passed in.

    read(n) ──▶ chunks ──▶ Splitter ──▶ Line(offset, content, end) ──▶ batches, bounded by count and bytes

A line ends in `\n` or `\r\n`. Blank lines are lines too (`reading.rows` skips them). A line end at the end of the file
does not start another line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

from msgspec import Struct

from contract.errors import InputError, UnreadableFileError

CHUNK_BYTES = 1024 * 1024
MAX_LINE_BYTES = 32 * 1024 * 1024
"""A longer line is no log line. As JSON it would also come near the 100 MB that Elasticsearch accepts in a request."""

_Item = TypeVar("_Item")


class Line(Struct, frozen=True, gc=False):
    """One line of a file."""

    offset: int
    """Where it begins, in bytes."""
    content: bytes
    """Without its line end."""
    end: int
    """Where the next line begins, in bytes."""
    terminated: bool = True
    """False for a last line without a line end (yet)."""
    too_long: bool = False
    """True for a line above the limit; its content is dropped."""


class Lines:
    """Splits bytes into lines as they arrive, in pieces of any length.

    Args:
        offset: position of the first byte in the file; it begins a line.
        max_line_bytes: longest line that is accepted, without its line end.
        skip_too_long: yield a longer line without its content; otherwise it is an error.
    """

    def __init__(self, offset: int = 0, *, max_line_bytes: int = MAX_LINE_BYTES, skip_too_long: bool = False) -> None:
        self._offset, self._max_line_bytes, self._skip_too_long = offset, max_line_bytes, skip_too_long
        self._open_parts: list[bytes] = []
        self._open_bytes = 0

    def feed(self, piece: bytes) -> Iterator[Line]:
        """The lines that end in this piece.

        Raises:
            UnreadableFileError: a line is longer than allowed.
        """
        *whole, rest = piece.split(b"\n")
        if whole and self._open_bytes:
            self._add(whole.pop(0))
            yield self._take_open(line_end=1)
        for content in whole:
            if len(content) > self._max_line_bytes:
                self._add(content)
                yield self._take_open(line_end=1)
                continue
            begin, self._offset = self._offset, self._offset + len(content) + 1
            yield Line(begin, without_return(content), self._offset)
        if rest:
            self._add(rest)

    def close(self, *, complete: bool) -> Iterator[Line]:
        """The last line, if it has no line end and nothing more will come (`complete`)."""
        if self._open_bytes and complete:
            yield self._take_open(line_end=0)

    def _add(self, part: bytes) -> None:
        """Add a part of the open line. Beyond the limit only its length is kept."""
        self._open_bytes += len(part)
        if self._open_bytes <= self._max_line_bytes:
            self._open_parts.append(part)
            return
        if not self._skip_too_long:
            raise UnreadableFileError(
                f"the line at byte {self._offset} is longer than {self._max_line_bytes} bytes; "
                f"expected text in lines: is this a log file?"
            )
        self._open_parts.clear()

    def _take_open(self, *, line_end: int) -> Line:
        """The open line, now that it is complete; `line_end` is the length of its line end."""
        begin, self._offset = self._offset, self._offset + self._open_bytes + line_end
        content, too_long = without_return(b"".join(self._open_parts)), self._open_bytes > self._max_line_bytes
        self._open_parts, self._open_bytes = [], 0
        return Line(begin, content, self._offset, terminated=bool(line_end), too_long=too_long)


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
