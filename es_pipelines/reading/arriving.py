"""Read lines from standard input: a pipe has no offset to return to, and its end comes without notice.

descriptor ──▶ available bytes, up to 1 MiB ──▶ Lines | Elements ──▶ the lines that are complete
                    ▲                                 │
                    └── another read for a half line  └── nothing waits for a full batch
"""

from __future__ import annotations

import os
import select
from collections.abc import Callable, Iterator
from itertools import chain

from contract.errors import UnreadableFileError
from es_pipelines.reading.json_array import Elements
from es_pipelines.reading.lines import Line, Lines, Splitter
from es_pipelines.reading.packed import GZIP
from es_pipelines.reading.shape import Shape, is_undecided, shape_of

STDIN = "-"
"""Name of standard input in a list of files."""
HERE = "standard input"
STOP_CHECK_S = 0.25
"""How often to check for a stop while nothing arrives."""
CHUNK_BYTES = 1024 * 1024


class ArrivingLines:
    """The lines of a descriptor as they arrive. The last line needs no line end.

    Args:
        descriptor: open for reading.
        command: what the user typed, for the advice about packed input: `oversight ship -`.
        stopped: checked before each read.
        skip_too_long: as of `Lines`.
    """

    def __init__(
        self, descriptor: int, command: str, stopped: Callable[[], bool], *, skip_too_long: bool = False
    ) -> None:
        self._descriptor, self._command, self._stopped = descriptor, command, stopped
        self._skip_too_long = skip_too_long
        self.bytes_read = 0
        self.shape = Shape.LINES
        """The shape of the input, once the first lines are there."""

    def __iter__(self) -> Iterator[list[Line]]:
        """All lines, in lists of those that became complete together; the lines before an error come first.

        Raises:
            UnreadableFileError: the data is not lines of text.
        """
        unread, splitter = b"", None
        while not self._stopped():
            if not select.select([self._descriptor], [], [], STOP_CHECK_S)[0]:
                continue
            chunk = _available_bytes(self._descriptor)
            self.bytes_read += len(chunk)
            unread += chunk
            if splitter is None:
                if chunk and is_undecided(unread):
                    continue
                splitter = self._splitter(unread)
            yield from _complete_lines(splitter, unread, ended=not chunk)
            unread = b""
            if not chunk:
                return

    def _splitter(self, start: bytes) -> Splitter:
        """How to split the input, from its first bytes."""
        if start.startswith(GZIP):
            raise UnreadableFileError(
                f"{HERE} is compressed with gzip; unpack it on its way: zcat FILE | {self._command}"
            )
        self.shape = shape_of(start, HERE, "FILE")
        return Elements() if self.shape is Shape.ARRAY else Lines(skip_too_long=self._skip_too_long)


def _complete_lines(splitter: Splitter, piece: bytes, *, ended: bool) -> Iterator[list[Line]]:
    """The lines that are now complete in one list. Returns those before an error."""
    complete: list[Line] = []
    try:
        for line in chain(splitter.feed(piece), splitter.close(complete=True) if ended else ()):
            complete.append(line)  # noqa: PERF402  lines before an error count
    except UnreadableFileError as problem:
        if complete:
            yield complete
        raise UnreadableFileError(f"{HERE}: {problem}") from None
    if complete:
        yield complete


def _available_bytes(descriptor: int) -> bytes:
    """The bytes that can be read without waiting; empty at the end of the input."""
    parts = [os.read(descriptor, CHUNK_BYTES)]
    size = len(parts[0])
    while parts[-1] and size < CHUNK_BYTES and select.select([descriptor], [], [], 0)[0]:
        parts.append(os.read(descriptor, CHUNK_BYTES))
        size += len(parts[-1])
    return b"".join(parts)  # an end after these bytes shows up again at the next read
