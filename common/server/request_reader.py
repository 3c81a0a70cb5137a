"""Collect the bytes of one HTTP request until it is whole. No I/O here.

    bytes ─▶ head, until an empty line ──▶ gunicorn's parser ──▶ body: Content-Length, chunks, or none ──▶ whole
                   │                             │                    └─ too long: the rest is not read
                   └─ too long ──────────────────┴──▶ ParseException

gunicorn's own reader blocks until the next byte, so each slow client holds a thread. This one never waits.
"""

from __future__ import annotations

import io
from typing import Any

from gunicorn.http.errors import LimitRequestHeaders, NoMoreData, ParseException
from gunicorn.http.message import Request
from gunicorn.http.parser import RequestParser

HEAD_BYTES = 64 * 1024
"""Longest head: request line and headers."""
LINE_BYTES = 1024
"""Longest line with a chunk's size, and longest trailer line."""
FRAMING_BYTES = 64 * 1024
"""Most bytes of chunk sizes and trailers, plus an eighth of the body. Smaller chunks only cost time."""

_END = b"\r\n\r\n"


class BadChunksError(ParseException):  # type: ignore[misc]  # gunicorn has no types
    """The chunks of a body are not valid, or the last one is missing."""


class Incoming:
    """One request of a client.

    Args:
        cfg: gunicorn's settings, for its parser.
        client: the client's address.
        max_body_bytes: longer bodies are not read; the application rejects them by their length.
    """

    def __init__(self, cfg: Any, client: Any, *, max_body_bytes: int) -> None:
        self._cfg, self._client, self._max_body_bytes = cfg, client, max_body_bytes
        self._head = bytearray()
        self._body: Sized | Chunks | None = None
        self.request: Request | None = None
        """The parsed head, once it is complete."""

    @property
    def size(self) -> int:
        """Bytes held for this request."""
        return len(self._head) + (0 if self._body is None else self._body.size)

    @property
    def expects_continue(self) -> bool:
        """Whether the client waits for `100 Continue` before it sends the body. True at most once."""
        request = self.request
        if request is None or not request._expected_100_continue:
            return False
        request._expected_100_continue = False
        return True

    def feed(self, data: bytes) -> bool:
        """Add what arrived. True: the request is whole.

        Raises:
            ParseException: it is not valid HTTP.
        """
        if self._body is not None:
            return self._body.feed(data)
        searched = max(0, len(self._head) - 3)
        self._head += data
        end = self._head.find(_END, searched, HEAD_BYTES + len(_END))
        if end < 0:
            if len(self._head) > HEAD_BYTES:
                self._parse(bytes(self._head))
            return False
        rest = bytes(self._head[end + len(_END) :])
        self.request = self._parse(bytes(self._head[: end + len(_END)]))
        self._head.clear()
        self._body = self._framing()
        return self._body.feed(rest)

    def cut_short(self) -> bool:
        """The client sends no more. True: there is a head to answer, with the part of the body that came.

        Raises:
            ParseException: what came is not valid HTTP.
        """
        if self.request is None and self._head:
            try:
                self._parse(bytes(self._head))
            except LimitRequestHeaders:
                return False
        if isinstance(self._body, Chunks):
            raise BadChunksError("the last chunk is missing")
        return self.request is not None

    def finish(self) -> tuple[Request, bytes]:
        """Return the request with its body, and the bytes after it, which begin the next request."""
        if self.request is None or self._body is None:
            raise RuntimeError("the request has no head yet")
        self.request.body = io.BytesIO(self._body.take())
        if self._body.too_long:
            self.request.force_close()
        return self.request, self._body.rest

    def _parse(self, head: bytes) -> Request:
        try:
            return next(RequestParser(self._cfg, iter((head,)), self._client))
        except (NoMoreData, StopIteration):
            raise LimitRequestHeaders("the head has no end") from None

    def _framing(self) -> Sized | Chunks:
        """Choose how to read the body. gunicorn's parser has already refused a head with two lengths."""
        headers = dict(self.request.headers) if self.request is not None else {}
        if "TRANSFER-ENCODING" in headers:
            return Chunks(self._max_body_bytes)
        return Sized(int(headers.get("CONTENT-LENGTH", 0)), self._max_body_bytes)


class _Body:
    """What has arrived of a body, without its framing."""

    def __init__(self) -> None:
        self.too_long = False
        self.missing = 0
        self.size = 0
        self.rest = b""
        self._content = bytearray()

    def take(self) -> bytes:
        """Return what has arrived, and keep no copy of it beside the request."""
        content, self._content = bytes(self._content), bytearray()
        return content


class Sized(_Body):
    """A body with a Content-Length."""

    def __init__(self, length: int, max_bytes: int) -> None:
        super().__init__()
        self.too_long = length > max_bytes
        self.missing = 0 if self.too_long else length

    def feed(self, data: bytes) -> bool:
        """Add what arrived. True: the body is complete."""
        content = data[: self.missing]
        self._content += content
        self.missing -= len(content)
        self.size += len(content)
        if not self.too_long:
            self.rest += data[len(content) :]
        return not self.missing


class Chunks(_Body):
    """A body in chunks: `SIZE;extension CRLF bytes CRLF`, the last of size 0, then trailers and an empty line."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__()
        self._max_bytes = max_bytes
        self._buffer = bytearray()
        self._framing = 0
        self._in_trailers = False

    def feed(self, data: bytes) -> bool:
        """Add what arrived. True: the last chunk is there, or the body is too long.

        Raises:
            ParseException: these are no valid chunks.
        """
        self._buffer += data
        while True:
            if self.missing and not self._take():
                return False
            if self.size > self._max_bytes:
                self.too_long = True
                return True
            line = self._line()
            if line is None:
                return False
            if self._in_trailers and not line:
                self.rest = bytes(self._buffer)
                return True
            if not self._in_trailers:
                self._begin(line)

    def _take(self) -> bool:
        """Move the available bytes of the chunk to the body. True: the chunk and its line end are complete."""
        wanted = self.missing - 2
        taken = self._buffer[: max(0, wanted)]
        if taken:
            self._content += taken
            self.size += len(taken)
            self.missing -= len(taken)
            del self._buffer[: len(taken)]
        if self.missing > 2:
            return self.size > self._max_bytes
        if len(self._buffer) < 2:
            return False
        if self._buffer[:2] != b"\r\n":
            raise BadChunksError("a chunk is longer than it says")
        del self._buffer[:2]
        self.missing = 0
        return True

    def _line(self) -> bytes | None:
        end = self._buffer.find(b"\r\n", 0, LINE_BYTES)
        if end < 0:
            if len(self._buffer) >= LINE_BYTES:
                raise BadChunksError("the line of a chunk's size has no end")
            return None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        self._framing += end + 4
        if self._framing > self.size // 8 + FRAMING_BYTES:
            raise BadChunksError("the chunks are far too small")
        return line

    def _begin(self, line: bytes) -> None:
        size = line.partition(b";")[0].rstrip(b" \t")
        if not size or len(size) > 16 or any(letter not in b"0123456789abcdefABCDEF" for letter in size):
            raise BadChunksError(f"no chunk size: {size[:20]!r}")
        length = int(size, 16)
        self._in_trailers = length == 0
        self.missing = length + 2 if length else 0
