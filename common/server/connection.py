"""One client's connection: the unread part of its next request and the unsent part of its last response.

    handshake ──▶ receive(), until a request is whole ──▶ a thread writes the response ─▶ send(), until all is sent
                      ▲                                                                     │
                      └───────────────────────── kept connection ───────────────────────────┴──▶ close

No call here waits for the client. One thread at a time uses a connection: the main loop, or the thread that answers.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from typing import Any

from gunicorn.http.message import Request

from common.access.client_addresses import network_of
from common.server.request_reader import Incoming

RECEIVE_BYTES = 64 * 1024
"""Bytes to ask the socket for. The system maps larger buffers again each time, which costs more than the calls."""
RECEIVE_MOST = 1024 * 1024
"""Most bytes of a body that one call reads, so that other clients get their turn."""
JOIN_BYTES = 256 * 1024
"""Responses up to this size are sent in one piece, head and body."""

_NOT_NOW = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Closed(Exception):  # noqa: N818  the normal end of a connection
    """The client is gone, or does not speak TLS."""


class Connection:
    """A connection that was just accepted.

    Args:
        sock: the socket, in non-blocking mode.
        client, server: both addresses.
        tls: the TLS context; None: plain HTTP.
        cfg: gunicorn's settings.
        max_body_bytes: longer bodies are not read.
    Raises:
        OSError, ValueError: the client is gone already.
    """

    def __init__(
        self,
        sock: socket.socket,
        client: Any,
        server: Any,
        *,
        tls: ssl.SSLContext | None,
        cfg: Any,
        max_body_bytes: int,
    ) -> None:
        self.client, self.server, self.cfg = client, server, cfg
        self.group = network_of(str(client[0]))
        """Connections with the same group are counted together."""
        self._max_body_bytes = max_body_bytes
        self._handshake = tls is not None
        self._socket = sock if tls is None else tls.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        self._rest = b""
        self.sock = OutgoingResponse()
        """Where gunicorn writes the response."""
        self.incoming = self._next()
        self.since_s = time.monotonic()
        """When it began to wait for the client: accepted, last answered, or response ready."""
        self.answered = False
        """Whether it has had a response before: a kept connection."""
        self.keep = True
        """Whether another request may follow the current one."""
        self.lingers = False
        """Whether the last response was sent, and the connection only waits for the client to close it."""
        self.began_s: float | None = None
        """When the first byte of the request arrived."""

    def _next(self) -> Incoming:
        return Incoming(self.cfg, self.client, max_body_bytes=self._max_body_bytes)

    def fileno(self) -> int:
        """Return the file descriptor, for a selector."""
        return self._socket.fileno()

    @property
    def held(self) -> int:
        """Bytes that we hold for this client."""
        return self.incoming.size + len(self._rest) + self.sock.size

    @property
    def has_more(self) -> bool:
        """Whether there are bytes that a selector does not report."""
        return bool(self._rest) or (isinstance(self._socket, ssl.SSLSocket) and self._socket.pending() > 0)

    def receive(self) -> bool:
        """Read what has arrived. True: the request is whole, or the client sends no more; call `take`.

        Raises:
            Closed: there is nothing to answer.
            ParseException: it is not valid HTTP.
        """
        taken = 0
        try:
            if self._handshake:
                self._shake_hands()
            while taken < RECEIVE_MOST:
                data = self._receive()
                if not data:
                    return self._ended()
                taken += len(data)
                self.began_s = self.began_s or time.monotonic()
                if self.incoming.feed(data):
                    return True
                if self.incoming.expects_continue:
                    self._socket.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        except _NOT_NOW:
            return False
        except (OSError, ValueError) as error:
            raise Closed from error
        return False

    def _shake_hands(self) -> None:
        if isinstance(self._socket, ssl.SSLSocket):
            self._socket.do_handshake()
        self._handshake = False

    def _receive(self) -> bytes:
        if self._rest:
            rest, self._rest = self._rest, b""
            return rest
        return self._socket.recv(RECEIVE_BYTES)

    def _ended(self) -> bool:
        if not self.incoming.cut_short():
            raise Closed
        return True

    def take(self) -> Request:
        """Return the request that is to be answered now. Bytes after it are kept for the next request."""
        request, self._rest = self.incoming.finish()
        self.incoming, self.began_s = self._next(), None
        self.keep = True
        self.sock = OutgoingResponse()
        return request

    def send(self) -> bool:
        """Send as much of the response as the client takes. True: all of it.

        Raises:
            Closed: the client is gone.
        """
        try:
            while piece := self.sock.next_piece():
                self.sock.taken(self._socket.send(piece))
        except _NOT_NOW:
            return False
        except (OSError, ValueError) as error:
            raise Closed from error
        return True

    def linger(self) -> None:
        """Close our side only. A full close could take the response away from a client that still sends."""
        self.lingers, self.since_s = True, time.monotonic()
        self.incoming = self._next()
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self._socket, socket.SHUT_WR)

    def drain(self) -> None:
        """Drop what a lingering client sends.

        Raises:
            Closed: the client has closed the connection.
        """
        try:
            data = socket.socket.recv(self._socket, RECEIVE_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            raise Closed from error
        if not data:
            raise Closed

    def close(self) -> None:
        """Close the connection."""
        with contextlib.suppress(OSError):
            self._socket.close()


class OutgoingResponse:
    """Replaces the socket in gunicorn and keeps the response, so that a slow client blocks no thread."""

    def __init__(self) -> None:
        self._pieces: list[memoryview | bytes] = []
        self.size = 0

    def sendall(self, data: bytes) -> None:
        """Keep a piece of the response."""
        if data:
            self._pieces.append(data)
            self.size += len(data)

    def send(self, data: bytes) -> int:
        """Same as `sendall`."""
        self.sendall(data)
        return len(data)

    def next_piece(self) -> memoryview | bytes:
        """Return the next bytes to send; empty when everything is sent."""
        if len(self._pieces) > 1 and self.size <= JOIN_BYTES:
            self._pieces = [b"".join(self._pieces)]
        return self._pieces[0] if self._pieces else b""

    def taken(self, n: int) -> None:
        """Drop the first `n` bytes, which were sent."""
        self.size -= n
        rest = memoryview(self._pieces[0])[n:]
        if rest:
            self._pieces[0] = rest
        else:
            del self._pieces[0]

    def shutdown(self, _how: int) -> None:
        """gunicorn calls this when a response fails in the middle. Nothing of it was sent yet.

        Raises:
            OSError: always.
        """
        raise OSError("this is no socket")

    def close(self) -> None:
        """Do nothing: the owner closes the connection."""

    def gettimeout(self) -> float:
        """Return 0: it never waits."""
        return 0.0
