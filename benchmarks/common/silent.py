"""Clients that stop in the middle and keep the connection open: half a head, half a body, half a TLS handshake."""

from __future__ import annotations

import contextlib
import itertools
import socket
import ssl
from collections.abc import Iterator
from urllib.parse import urlsplit

from common.server.worker import allow_files

HALF_HEAD = b"POST /v1/enrich HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Ty"
HALF_BODY = (
    b"POST /v1/enrich HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n"
    b'{"documents": ['
)
NOTHING = b""
SPARE_FILES = 512


def client_hello() -> bytes:
    """The first bytes of a TLS handshake."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    sent = ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), sent).do_handshake()
    return sent.read()


@contextlib.contextmanager
def silent_clients(url: str, n: int, *, tls: ssl.SSLContext | None = None) -> Iterator[list[socket.socket]]:
    """Open connections to a server that stay silent until the end; each kind equally often.

    Args:
        url: address of the server.
        n: number of connections.
        tls: client context for a server with TLS; half of the kinds then stop after the handshake.
    """
    allow_files(n + SPARE_FILES)
    parts = urlsplit(url)
    hello = client_hello()
    plain = [HALF_HEAD, HALF_BODY, NOTHING]
    kinds = (
        [(data, False) for data in plain]
        if tls is None
        else [
            (hello[: len(hello) // 2], False),
            (hello, False),
            (HALF_HEAD, True),
            (HALF_BODY, True),
        ]
    )
    with contextlib.ExitStack() as stack:
        opened = []
        for data, encrypted in itertools.islice(itertools.cycle(kinds), n):
            sock = socket.create_connection((parts.hostname, parts.port), timeout=30)
            if encrypted and tls is not None:
                sock = tls.wrap_socket(sock, server_hostname=parts.hostname)
            stack.enter_context(sock)
            if data:
                sock.sendall(data)
            opened.append(sock)
        yield opened
