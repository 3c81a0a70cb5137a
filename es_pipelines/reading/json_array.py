"""Split a JSON array into elements, each an event with its own text.

    [ {"duration": 0, ...},        Line(offset of `{`, text of the element, offset after `}`)
      {"duration": 5, ...} ]

Memory holds one element at a time, with at most `MAX_LINE_BYTES`. Several arrays in a row are read as one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from contract.errors import UnreadableFileError
from es_pipelines.reading.lines import MAX_LINE_BYTES, Line
from es_pipelines.reading.shape import BYTE_ORDER_MARK

_BETWEEN = re.compile(r"[ \t\r\n,\[\]]*")
_CUT = 16
"""An error this close to the end of the data can come from the cut: `tru`, `\\u00`, `-`."""
_LARGE = 64 * 1024
"""An incomplete element of this size is parsed again only when twice as much data is there."""
_DECODER = json.JSONDecoder(strict=False, parse_int=str, parse_float=str)
"""Numbers stay text, because only the end of an element matters and Python refuses numbers of over 4,300 digits."""


class Elements:
    """Splits the bytes of an array as they arrive, in pieces of any length.

    Args:
        offset: position of the first byte in the file: the file's start, or the end of an element.
    """

    def __init__(self, offset: int = 0) -> None:
        self._offset, self._rest, self._tried = offset, b"", 0
        self._closed = False

    def feed(self, piece: bytes) -> Iterator[Line]:
        """The elements that are now complete.

        Raises:
            UnreadableFileError: it is no JSON array of objects.
        """
        self._rest += piece
        if self._offset == 0 and self._rest.startswith(BYTE_ORDER_MARK):
            self._rest, self._offset = self._rest[len(BYTE_ORDER_MARK) :], len(BYTE_ORDER_MARK)
        in_the_mark = self._offset == 0 and BYTE_ORDER_MARK.startswith(self._rest)
        if in_the_mark or len(self._rest) < 2 * self._tried:
            return
        text = self._rest.decode("latin-1")  # one character for each byte, so positions are offsets
        at = self._start_of(text, 0)
        while at < len(text) and (end := self._end_of(text, at)) is not None:
            yield Line(self._offset + at, self._rest[at:end], self._offset + end)
            at = self._start_of(text, end)
        self._rest, self._offset = self._rest[at:], self._offset + at
        self._tried = len(self._rest) if len(self._rest) > _LARGE else 0
        if self._tried > MAX_LINE_BYTES:
            raise UnreadableFileError(f"the element at byte {self._offset} is longer than {MAX_LINE_BYTES} bytes")

    def close(self, *, complete: bool) -> Iterator[Line]:
        """The remaining elements at the end of the file.

        Args:
            complete: nothing more will be written to the file.
        Raises:
            UnreadableFileError: the array has no end.
        """
        self._tried = 0
        yield from self.feed(b"")
        if complete and (self._rest or not self._closed):
            raise UnreadableFileError(
                f"the JSON array ends at byte {self._offset + len(self._rest)} without its closing bracket: "
                "it is cut off, or "
                f"still being written; ship it again when it is complete"
            )

    def _start_of(self, text: str, at: int) -> int:
        """Where the next element begins."""
        between = _BETWEEN.match(text, at)
        start = at if between is None else between.end()
        brackets = [letter for letter in text[at:start] if letter in "[]"]
        self._closed = brackets[-1] == "]" if brackets else self._closed
        if start < len(text) and text[start] != "{":
            raise self._wrong(start, "expected an object")
        return start

    def _end_of(self, text: str, at: int) -> int | None:
        """Where the element ends; None if it continues after the data."""
        try:
            return _DECODER.raw_decode(text, at)[1]
        except json.JSONDecodeError as error:
            if error.msg.startswith("Unterminated string") or error.pos >= len(text) - _CUT:
                return None
            raise self._wrong(error.pos, error.msg) from None
        except RecursionError:
            raise self._wrong(at, "it is nested too deeply") from None

    def _wrong(self, at: int, why: str) -> UnreadableFileError:
        return UnreadableFileError(
            f"the JSON array is damaged at byte {self._offset + at} ({why}); "
            f"correct it there, or make one object a line with: jq -c '.[]'"
        )
