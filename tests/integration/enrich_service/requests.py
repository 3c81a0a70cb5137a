"""Requests of the tests: plain sockets and urllib, so that no client library corrects a faulty request."""

from __future__ import annotations

import contextlib
import json
import socket
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlsplit

from tests.waiting import WAIT_S

JSON = {"Content-Type": "application/json"}


def ask(url: str, body: Any = None, headers: dict[str, str] | None = None) -> tuple[int, Any]:
    """Status and JSON of one request; POST if there is a body."""
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers={**JSON, **(headers or {})})
    try:
        with urllib.request.urlopen(request, timeout=WAIT_S) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def connect(url: str) -> socket.socket:
    """An open connection to a service."""
    parts = urlsplit(url)
    return socket.create_connection((parts.hostname, parts.port), timeout=WAIT_S)


def send_raw(url: str, data: bytes) -> bytes:
    """The response of a service to some bytes, until it closes the connection."""
    with connect(url) as connection:
        connection.sendall(data)
        with contextlib.suppress(OSError):  # the service may have closed the connection already
            connection.shutdown(socket.SHUT_WR)
        return read_all(connection)


def read_all(connection: socket.socket) -> bytes:
    """All bytes until the other side closes."""
    parts = []
    try:
        while part := connection.recv(65536):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)
