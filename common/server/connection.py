"""One client's connection: what it has sent of its next request, and what it has not yet taken of its last answer.

    handshake ──▶ receive(), until a request is whole ──▶ a thread writes the answer ─▶ send(), until all of it is taken
                      ▲                                                                     │
                      └───────────────────────── kept connection ───────────────────────────┴──▶ close

No call here waits for the client. One thread at a time uses a connection: the main loop, or the one that answers.
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
RECEIVE_MOST = 1024 * 1024
"""Bytes that one call takes of a body; then the other clients have their turn."""
JOIN_BYTES = 256 * 1024
"""Answers up to here are sent in one piece, head and body."""

_NOT_NOW = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Closed(Exception):  # noqa: N818  the normal end of a connection
    """The client is gone, or speaks no TLS."""


class Connection:
    """A connection that was just accepted.

    Args:
        sock: it, set to not block.
        client, server: both addresses.
        tls: None: plain HTTP.
        cfg: gunicorn's settings.
        max_body_bytes: a longer body is not read.
    Raises:
        OSError, ValueError: it is gone already.
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
        """Whose connections are counted together."""
        self._max_body_bytes = max_body_bytes
        self._handshake = tls is not None
        self._socket = sock if tls is None else tls.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        self._rest = b""
        self.sock = Answer()
        """Where gunicorn writes the answer."""
        self.incoming = self._next()
        self.since_s = time.monotonic()
        """Since when it waits for its client: when it was accepted, or answered last, or its answer was ready."""
        self.answered = False
        """Whether it has had an answer before: a kept connection."""
        self.keep = True
        """Whether another request may follow the one in hand."""
        self.lingers = False
        """Whether it was answered for the last time, and only waits for its client to hang up."""
        self.began_s: float | None = None
        """When the first byte of the request came."""

    def _next(self) -> Incoming:
        return Incoming(self.cfg, self.client, max_body_bytes=self._max_body_bytes)

    def fileno(self) -> int:
        """For a selector."""
        return self._socket.fileno()

    @property
    def held(self) -> int:
        """Bytes that are kept for this client."""
        return self.incoming.size + len(self._rest) + self.sock.size

    @property
    def has_more(self) -> bool:
        """Whether bytes are here that no selector tells of."""
        return bool(self._rest) or (isinstance(self._socket, ssl.SSLSocket) and self._socket.pending() > 0)

    def receive(self) -> bool:
        """Take what has arrived. True: the request is whole, or the client sends no more of it; `take` gives it.

        Raises:
            Closed: there is nothing to answer.
            ParseException: it is no valid HTTP.
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
        return self._socket.recv(min(max(RECEIVE_BYTES, self.incoming.missing), RECEIVE_MOST))

    def _ended(self) -> bool:
        if not self.incoming.cut_short():
            raise Closed
        return True

    def take(self) -> Request:
        """The request, to be answered now. What came behind it is kept for the next one."""
        request, self._rest = self.incoming.finish()
        self.incoming, self.began_s = self._next(), None
        self.keep = True
        self.sock = Answer()
        return request

    def send(self) -> bool:
        """Send of the answer what the client takes. True: all of it.

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
        """Say that nothing more comes. To close at once could take the answer from a client that still sends."""
        self.lingers, self.since_s = True, time.monotonic()
        self.incoming = self._next()
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self._socket, socket.SHUT_WR)

    def drain(self) -> None:
        """Drop what a lingering client sends.

        Raises:
            Closed: it has hung up.
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
        """Hang up."""
        with contextlib.suppress(OSError):
            self._socket.close()


class Answer:
    """What gunicorn takes for the socket: keeps the answer, so that a client that reads slowly holds no thread."""

    def __init__(self) -> None:
        self._pieces: list[memoryview | bytes] = []
        self.size = 0

    def sendall(self, data: bytes) -> None:
        """Keep a piece of the answer."""
        if data:
            self._pieces.append(data)
            self.size += len(data)

    def send(self, data: bytes) -> int:
        """As `sendall`."""
        self.sendall(data)
        return len(data)

    def next_piece(self) -> memoryview | bytes:
        """What to send next; nothing where all is sent."""
        if len(self._pieces) > 1 and self.size <= JOIN_BYTES:
            self._pieces = [b"".join(self._pieces)]
        return self._pieces[0] if self._pieces else b""

    def taken(self, n: int) -> None:
        """The client's side has taken the first `n` bytes."""
        self.size -= n
        rest = memoryview(self._pieces[0])[n:]
        if rest:
            self._pieces[0] = rest
        else:
            del self._pieces[0]

    def clear(self) -> None:
        """Forget what was written: an error's answer takes its place."""
        self._pieces.clear()
        self.size = 0

    def shutdown(self, _how: int) -> None:
        """gunicorn calls this where an answer broke off in the middle. Nothing of it was sent yet.

        Raises:
            OSError: always.
        """
        raise OSError("this is no socket")

    def close(self) -> None:
        """The connection is closed by its owner."""

    def gettimeout(self) -> float:
        """It never waits."""
        return 0.0
