"""A request is read the same in any pieces, and is never longer than allowed."""

from __future__ import annotations

import itertools

import pytest
from gunicorn.config import Config
from gunicorn.http.errors import ParseException
from hypothesis import given
from hypothesis import strategies as st

from common.server.request_reader import FRAMING_BYTES, HEAD_BYTES, Incoming

MOST = 1_000
HEAD = b"POST /v1/enrich HTTP/1.1\r\nHost: x\r\n"


def incoming() -> Incoming:
    return Incoming(Config(), ("127.0.0.1", 1), max_body_bytes=MOST)


def feed(one: Incoming, data: bytes, cuts: list[int]) -> bool:
    """Feed the bytes in pieces, like a client that stops at these positions."""
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return any(one.feed(data[start:end]) for start, end in itertools.pairwise(places))


def chunked(parts: list[bytes], trailers: bytes = b"") -> bytes:
    whole = b"".join(b"%x;a=b\r\n%b\r\n" % (len(part), part) for part in parts if part)
    return HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + whole + b"0\r\n" + trailers + b"\r\n"


@given(body=st.binary(max_size=MOST), rest=st.binary(max_size=50), cuts=st.lists(st.integers(0, 3_000), max_size=20))
def test_a_body_of_a_stated_length_is_complete_in_any_pieces(body: bytes, rest: bytes, cuts: list[int]) -> None:
    """The bytes after it are kept for the next request."""
    one = incoming()
    assert feed(one, HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body, cuts)
    request, left = one.finish()
    assert (request.path, request.body.read(), left) == ("/v1/enrich", body, b"")
    one = incoming()
    assert one.feed(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body + rest)
    assert one.finish()[1] == rest


@given(
    parts=st.lists(st.binary(max_size=90), max_size=10),
    cuts=st.lists(st.integers(0, 3_000), max_size=20),
    trailers=st.sampled_from([b"", b"X-Sum: 1\r\n", b"A: b\r\nC: d\r\n"]),
)
def test_a_body_in_chunks_is_complete_in_any_pieces(parts: list[bytes], cuts: list[int], trailers: bytes) -> None:
    """Sizes, extensions and trailers are not part of it."""
    one = incoming()
    assert feed(one, chunked(parts, trailers), cuts)
    request, left = one.finish()
    assert (request.body.read(), left) == (b"".join(parts), b"")


@pytest.mark.parametrize(
    "data",
    [
        HEAD + b"Content-Length: 1001\r\n\r\n",
        chunked([b"x" * 500, b"y" * 501]),
        chunked([b"x" * 100_000]),
    ],
)
def test_a_longer_body_is_not_stored(data: bytes) -> None:
    """The application responds to its length, and the connection ends."""
    one = incoming()
    assert one.feed(data)
    request, left = one.finish()
    assert request.should_close()
    assert left == b""


@pytest.mark.parametrize(
    "data",
    [
        b"hello\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"x" * HEAD_BYTES,
        b"GET /" + b"x" * HEAD_BYTES,
        HEAD + b"Content-Length: -1\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\nxy\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"1" * 2_000,
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"A: b\r\n" * FRAMING_BYTES,
    ],
)
def test_invalid_http_is_refused(data: bytes) -> None:
    with pytest.raises(ParseException):
        incoming().feed(data)


def test_chunks_that_end_early_are_no_body() -> None:
    """Half of a JSON text may be valid JSON."""
    one = incoming()
    assert not one.feed(chunked([b"{}"])[:-5])
    with pytest.raises(ParseException):
        one.cut_short()


def test_a_body_in_tiny_chunks_is_refused_early() -> None:
    """Each chunk costs the main loop time, and anyone may send them."""
    one = Incoming(Config(), ("127.0.0.1", 1), max_body_bytes=32 * 1024 * 1024)
    tiny = b"5\r\nabcde\r\n" * 100_000
    with pytest.raises(ParseException):
        one.feed(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + tiny)
    assert one.size < 4 * FRAMING_BYTES
