"""Clients that misbehave below HTTP: slow, half closed, cut off, with wrong lengths.

bytes of a request ──▶ sent as a misbehaving client would ──▶ all answers until the connection ends
"""

from __future__ import annotations

import contextlib
import socket
import struct
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from random import Random
from urllib.parse import urlsplit

from benchmarks.enrich_service.fuzz.bodies import ENRICH, dump, valid
from contract.artifact.contract import ModelContract

TIMEOUT_S = 30.0
"""Limit for an answer; without one the service hangs."""
LARGE_BODY_BYTES = 100_000_000
SLOW_BYTES = 300
"""Number of bytes that a slow client sends one by one."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer as received."""

    status: int
    content_type: str
    body: bytes


Sent = tuple[int, list[Answer]]
"""Number of requests, and their answers."""


class Hung(Exception):  # noqa: N818  a finding, not an error of this program
    """The service neither answered nor closed the connection."""


def connect(url: str) -> socket.socket:
    """An open connection to a service."""
    parts = urlsplit(url)
    connection = socket.create_connection((parts.hostname, parts.port), timeout=TIMEOUT_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def head_of(
    path: str, length: int | None, headers: Mapping[str, str] | None = None, *, method: str = "POST", close: bool = True
) -> bytes:
    """Head of an HTTP/1.1 request, without a Content-Length if `length` is None."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"]
    lines += [] if length is None else [f"Content-Length: {length}"]
    lines += ["Connection: close"] if close else []
    lines += [f"{name}: {value}" for name, value in {"Content-Type": "application/json", **(headers or {})}.items()]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"


def exchange(url: str, data: bytes, *, half_close: bool = False) -> list[Answer]:
    """Send bytes and read until the service closes; with `half_close` the client closes its side first."""
    with connect(url) as connection:
        with contextlib.suppress(OSError):  # rejected while still sending: the answer arrives anyway
            connection.sendall(data)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
        return answers(read_all(connection))


def read_all(connection: socket.socket) -> bytes:
    """Read until the service closes the connection.

    Raises:
        Hung: the service did not close it in time.
    """
    parts = []
    try:
        while part := connection.recv(65536):
            parts.append(part)
    except ConnectionError:
        pass
    except TimeoutError:
        raise Hung(f"the answer did not end within {TIMEOUT_S:g} s; received {b''.join(parts)[:60]!r}") from None
    return b"".join(parts)


def answers(data: bytes) -> list[Answer]:
    """Parse the answers in received bytes; a truncated one is left out."""
    found = []
    while data:
        head, separator, rest = data.partition(b"\r\n\r\n")
        status_line, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", len(rest)))
        if not separator or len(rest) < length:
            break
        status = int(status_line.split()[1])
        data = rest[length:]
        if status != 100:
            found.append(Answer(status, headers.get("content-type", ""), rest[:length]))
    return found


def byte_by_byte(url: str, contract: ModelContract, random: Random) -> Sent:
    """A slow client: it sends the head and the start of the body byte by byte."""
    path, page = valid(contract, random)
    data = head_of(path, len(dump(page))) + dump(page)
    with connect(url) as connection:
        for at in range(SLOW_BYTES):
            connection.send(data[at : at + 1])
            time.sleep(0.0005)
        connection.sendall(data[SLOW_BYTES:])
        return 1, answers(read_all(connection))


def half_closed(url: str, contract: ModelContract, random: Random) -> Sent:
    """The client closes its side after the request or in the middle of it."""
    path, page = valid(contract, random)
    data = head_of(path, len(dump(page))) + dump(page)
    cut = random.choice((len(data), random.randrange(1, len(data))))
    return 1, exchange(url, data[:cut], half_close=True)


def cut_off(url: str, contract: ModelContract, random: Random) -> Sent:
    """The client disappears: it resets the connection in the middle of the request or before it reads the answer."""
    path, page = valid(contract, random)
    data = head_of(path, len(dump(page))) + dump(page)
    with connect(url) as connection:
        connection.sendall(data[: random.choice((len(data), random.randrange(1, len(data))))])
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return 1, []


def pipelined(url: str, contract: ModelContract, random: Random) -> Sent:
    """Several requests at once; the last one is sometimes invalid."""
    requests = []
    for _ in range(random.randrange(2, 8)):
        path, page = valid(contract, random)
        requests.append(head_of(path, len(dump(page)), close=False) + dump(page))
    last = random.choice((head_of("/v2/health/live", None, method="GET"), b"garbage\r\n\r\n"))
    return len(requests) + 1, exchange(url, b"".join([*requests, last]))


def wrong_length(url: str, contract: ModelContract, random: Random) -> Sent:
    """A Content-Length that is wrong or invalid."""
    path, page = valid(contract, random)
    body = dump(page)
    lengths = (
        "-1",
        "+5",
        "0x10",
        "1e3",
        "",
        " ",
        "99999999999999999999",
        str(len(body) + 10),
        str(len(body) // 2),
        "0",
        "5, 5",
        "5\r\nContent-Length: 6",
        "²",
    )
    text = random.choice(lengths)
    head = head_of(path, None)[:-2] + b"Content-Length: " + text.encode("utf-8") + b"\r\n\r\n"
    return 1, exchange(url, head + body, half_close=True)


def chunked_garbage(url: str, contract: ModelContract, random: Random) -> Sent:
    """Chunks with wrong sizes, without an end, with megabytes of extension, or together with a Content-Length."""
    path, page = valid(contract, random)
    body = dump(page)
    size = f"{len(body):x}".encode()
    chunks = random.choice(
        (
            size + b"\r\n" + body + b"\r\n0\r\n\r\n",
            b"zz\r\n" + body,
            b"-1\r\n" + body,
            size + b"\r\n" + body,
            b"ffffffffffffffff\r\n" + body,
            size + b"\r\n" + body + b"garbage",
            size + b";x=" + b"y" * random.choice((10, 1_000_000)) + b"\r\n" + body + b"\r\n0\r\n\r\n",
            b"0\r\n\r\n",
            size + b"\r\n" + body + b"\r\n0\r\nTrailer: x\r\n\r\n",
            b"1\r\n{\r\n" * 2000 + b"0\r\n\r\n",
            b"\r\n\r\n",
        )
    )
    more: dict[str, str] = random.choice(({}, {}, {"Content-Length": "5"}))
    encoding = random.choice(
        ("chunked", "chunked", "chunked", "CHUNKED", "gzip, chunked", "identity", "chunked, chunked", "x")
    )
    return 1, exchange(url, head_of(path, None, {"Transfer-Encoding": encoding, **more}) + chunks, half_close=True)


def no_http(url: str, _contract: ModelContract, random: Random) -> Sent:
    """Random bytes, TLS, other protocols, heads that are too long."""
    data = random.choice(
        (
            random.randbytes(random.randrange(1, 400)) + b"\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"GET /v1/model\r\n\r\n",
            b"GET / HTTP/9.9\r\n\r\n",
            b"\r\n" * 100,
            b"\x00" * 100,
            b"GET /" + b"x" * 10_000 + b" HTTP/1.1\r\n\r\n",
            b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 1000 + b"\r\n",
            b"GET / HTTP/1.1\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
            b"GET / HTTP/1.1\r\nbad header\r\n\r\n",
            b"GET / HTTP/1.1\r\nX: a\r\n b\r\n\r\n",
            b"GET / HTTP/1.1\r\nX\x00: a\x00\r\n\r\n",
            b"GET /v1/model HTTP/1.0\r\n\r\n",
        )
    )
    return 1, exchange(url, data, half_close=True)


def odd_heads(url: str, contract: ModelContract, random: Random) -> Sent:
    """Methods, paths and headers that no route expects."""
    method = random.choice(
        ("GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "HEAD", "CONNECT", "BREW", "get", "P" * 30)
    )
    path = random.choice(
        (
            "/",
            "//",
            "/v1",
            "/v1/enrich/",
            "/v2/",
            "/v2/models",
            "/v2/models//infer",
            f"/v2/models/{contract.name}/versions//infer",
            "/v2/models/%00",
            "/v2/models/%ff%fe",
            "/v2/models/..%2f..%2fetc",
            "/v2/models/" + "n" * 3000,
            "/v1/model?x=%",
            "*",
            "/%",
            "/\xff",
            f"/v2/models/{contract.name}/infer;x",
            "http://other/v1/model",
            ENRICH,
            "/v2",
            "/openapi.json",
            "/metrics",
        )
    )
    headers = random.choice(
        (
            {},
            {"Expect": "100-continue"},
            {"Expect": "x"},
            {"Content-Type": ""},
            {"Content-Type": "a/b; charset=\xff"},
            {"Authorization": "Bearer \xff"},
            {"Upgrade": "h2c"},
            {"Host": ""},
            {"X-Request-Id": "\xff" * 2000},
            {"traceparent": "x"},
            {"Content-Encoding": "gzip"},
            {"X-Forwarded-For": "a"},
            {"Cookie": "=;" * 100},
            {"Range": "bytes=0-1"},
        )
    )
    return 1, exchange(url, head_of(path, 0, headers, method=method), half_close=True)


def large_body(url: str, contract: ModelContract, random: Random) -> Sent:
    """A body of a hundred megabytes, with a Content-Length or in chunks."""
    path, _ = valid(contract, random)
    whole = random.random() < 0.5
    block = b"[" * 1_000_000
    head = head_of(path, LARGE_BODY_BYTES) if whole else head_of(path, None, {"Transfer-Encoding": "chunked"})
    piece = block if whole else f"{len(block):x}\r\n".encode() + block + b"\r\n"
    with connect(url) as connection:
        with contextlib.suppress(OSError):
            connection.sendall(head)
            for _ in range(LARGE_BODY_BYTES // len(block)):
                connection.sendall(piece)
            connection.sendall(b"" if whole else b"0\r\n\r\n")
        return 1, answers(read_all(connection))


CLIENTS: dict[str, Callable[[str, ModelContract, Random], Sent]] = {
    "byte by byte": byte_by_byte,
    "half-closed connections": half_closed,
    "connections cut off": cut_off,
    "pipelined requests": pipelined,
    "wrong Content-Length": wrong_length,
    "chunked garbage": chunked_garbage,
    "no HTTP": no_http,
    "odd methods, paths, headers": odd_heads,
}
HEAVY: dict[str, Callable[[str, ModelContract, Random], Sent]] = {"bodies of 100 MB": large_body}
"""Kinds of which fewer are sent."""


@contextlib.contextmanager
def silent_clients(url: str, number: int) -> Iterator[None]:
    """Keep a number of connections open that send half a request and then nothing."""
    with contextlib.ExitStack() as stack:
        for _ in range(number):
            connection = stack.enter_context(connect(url))
            connection.sendall(head_of(ENRICH, 1000))
        yield
