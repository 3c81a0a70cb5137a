"""Read the text of a gzip file by offset.

gzip cannot be read from the middle. `Gzip` unpacks from the start and keeps the newest part in memory, so reading
forward and looking back a little is cheap. Looking back further unpacks from the start again.
"""

from __future__ import annotations

import gzip
import os
import zlib

GZIP = b"\x1f\x8b"
PIECE_BYTES = 1024 * 1024
KEPT_BYTES = 40 * PIECE_BYTES
"""More than the batches in flight hold, and more than the longest line."""


class Gzip:
    """The unpacked content of a gzip file. Several packed parts in a row are one text.

    Args:
        descriptor: of the file. Its position changes.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._begin()

    def _begin(self) -> None:
        packed = os.fdopen(self._descriptor, "rb", closefd=False)
        packed.seek(0)
        self._stream = gzip.GzipFile(fileobj=packed)
        self._kept, self._start = bytearray(), 0
        """The newest part of the text, and its offset."""

    def pread(self, count: int, offset: int) -> bytes:
        """Bytes from an offset; fewer only at the end.

        Raises:
            OSError: the file is damaged or cut off.
        """
        if offset < self._start:
            self._begin()
        while self._start + len(self._kept) < offset + count and self._more(keep_from=offset):
            pass
        return bytes(self._kept[offset - self._start : offset - self._start + count])

    def _more(self, *, keep_from: int) -> bool:
        try:
            piece = self._stream.read(PIECE_BYTES)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise OSError(None, f"the gzip file is damaged or cut off ({error})") from None
        self._kept += piece
        dropped = max(0, min(len(self._kept) - KEPT_BYTES, keep_from - self._start))
        del self._kept[:dropped]
        self._start += dropped
        return bool(piece)
