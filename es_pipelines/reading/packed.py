"""Read the content of a file by offset, either plain or unpacked from gzip.

    descriptor ──▶ Plain ─┐
                          ├─▶ pread(count, offset)    offsets are those of the unpacked text
    descriptor ──▶ Gzip ──┘

gzip cannot be read from the middle. `Gzip` unpacks from the start and keeps the newest part in memory, so reading
forward and looking back a little is cheap. Looking back further unpacks from the start again.
"""

from __future__ import annotations

import gzip
import io
import os
import zlib
from collections import deque
from typing import Protocol

GZIP = b"\x1f\x8b"
PIECE_BYTES = 1024 * 1024
KEPT_PIECES = 40
"""More than the batches in flight hold, and more than the longest line."""


class Content(Protocol):
    """Bytes that can be read at any offset."""

    def pread(self, count: int, offset: int) -> bytes:
        """Bytes from an offset; fewer only at the end."""


class Plain:
    """A file that is not packed."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def pread(self, count: int, offset: int) -> bytes:
        """Bytes from an offset; fewer only at the end."""
        return os.pread(self._descriptor, count, offset)


class _Source(io.RawIOBase):
    """The packed bytes, read without moving the descriptor's own position."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor, self._position = descriptor, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer)  # type: ignore[arg-type]
        content = os.pread(self._descriptor, len(view), self._position)
        view[: len(content)] = content
        self._position += len(content)
        return len(content)


class Gzip:
    """The unpacked content of a gzip file. Several packed parts in a row are one text."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._begin()

    def _begin(self) -> None:
        self._stream = gzip.GzipFile(fileobj=io.BufferedReader(_Source(self._descriptor)))
        self._pieces: deque[bytes] = deque()
        self._start = self._end = 0

    def pread(self, count: int, offset: int) -> bytes:
        """Bytes from an offset; fewer only at the end.

        Raises:
            OSError: the file is damaged or cut off.
        """
        if offset < self._start:
            self._begin()
        while self._end < offset + count and self._more(keep_from=offset):
            pass
        return self._kept(offset, offset + count)

    def _more(self, *, keep_from: int) -> bool:
        try:
            piece = self._stream.read(PIECE_BYTES)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise OSError(None, f"the gzip file is damaged or cut off ({error})") from None
        self._pieces.append(piece)
        self._end += len(piece)
        while len(self._pieces) > KEPT_PIECES and self._start + len(self._pieces[0]) <= keep_from:
            self._start += len(self._pieces.popleft())
        return bool(piece)

    def _kept(self, begin: int, end: int) -> bytes:
        parts, at = [], self._start
        for piece in self._pieces:
            if at < end and at + len(piece) > begin:
                parts.append(piece[max(0, begin - at) : end - at])
            at += len(piece)
        return b"".join(parts)
