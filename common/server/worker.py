"""The gunicorn worker of the enrich service and the console: no thread ever waits for a client.

    main loop: accept ──▶ handshake and request, as bytes arrive ──▶ whole ─┬─ health, metrics ───────▶ their own thread
                  ▲              │ too late: 408, or closed                 ├─ fewer than `queue` wait ─▶ a thread
                  │              │ too many: the oldest is closed           └─ else ──▶ a thread that only answers 503
                  └── kept ◀── sent, as the client takes it ◀── response, as bytes ◀─────┘

gunicorn's own `gthread` gives each connection a thread until its request is answered, so a few clients that stop in the
middle of a request block all threads. We keep the rest of it: the parent process, the loop, the parser, WSGI.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import resource
import select
import selectors
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from gunicorn.http import errors
from gunicorn.http.errors import ParseException
from gunicorn.workers.gthread import ThreadWorker

from common.server.admission import NotAdmitted, admission
from common.server.connection import Closed, Connection, OutgoingResponse
from common.server.limits import Limits
from common.server.request_reader import BadChunksError
from common.server.waiting_connections import Waiting

log = logging.getLogger(__name__)

KEEPALIVE_S = 75
"""Idle time after which a kept connection closes, longer than any sensible poll interval of the watcher."""
LINGER_S = 2.0
"""How long a client may still send after its last response."""
TAKE_S = 120.0
"""Longest time for a client to take a response."""
STOP_S = 2.0
"""How long a kept connection stays open while the worker stops: a request may be on its way."""
STAY_MS = 1
"""How long a thread waits for the next request of the client that it answered, if there are no more connections than
threads. A client that sends its next request at once skips the main loop.
"""
LARGE_BYTES = 64 * 1024
"""When all connections together hold too much, only connections above this size are closed."""
ACCEPTS = 64
"""Connections accepted per turn of the loop."""
SPARE_FILES = 512
"""Files that a worker needs besides its connections."""
LOOK_S = 0.5
"""Seconds between two checks for connections that are too late."""
SAY_S = 60.0
"""Seconds between two log lines about closed connections."""

_STATUS = {
    errors.LimitRequestLine: "414 URI Too Long",
    errors.LimitRequestHeaders: "431 Request Header Fields Too Large",
}
_WHY = {
    errors.LimitRequestLine: "the request line is too long",
    errors.LimitRequestHeaders: "the headers are too long",
    errors.UnsupportedTransferCoding: "Transfer-Encoding is not chunked",
    errors.ExpectationFailed: "Expect is not 100-continue",
    errors.InvalidRequestLine: "the request line is not METHOD PATH HTTP/1.1",
    errors.InvalidRequestMethod: "the method is not valid",
    errors.InvalidHTTPVersion: "the version is not HTTP/1.0 or HTTP/1.1",
    errors.InvalidHeaderName: "a header name has a character that is not allowed, such as `_`",
    errors.InvalidHeader: "a header is not NAME: VALUE, or Host, Content-Type, Content-Length or "
    "Transfer-Encoding is sent twice",
    BadChunksError: "the body ends early, or its chunks are not valid",
}


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """Serves an `Application` within its `limits`."""

    limits: Limits

    def init_process(self) -> None:
        """Prepare the worker after the fork, then start it."""
        self.limits = self.app.limits
        self.probes = ThreadPoolExecutor(1, thread_name_prefix="probes")
        self.refusals = ThreadPoolExecutor(1, thread_name_prefix="refusals")
        self.open: set[Connection] = set()
        self.waiting = Waiting()
        self._looked_s = self._said_s = 0.0
        self._given_up = 0
        allow_files(self.limits.connections + SPARE_FILES)
        super().init_process()

    # ---- connections, on the main loop

    def accept(self, listener: Any) -> None:
        """Accept new connections."""
        for _ in range(ACCEPTS):
            try:
                sock, client = listener.accept()
            except OSError as error:
                if error.errno in (errno.EMFILE, errno.ENFILE):
                    self._give_up()
                return
            sock.setblocking(False)
            try:
                conn = Connection(
                    sock,
                    client,
                    listener.getsockname(),
                    tls=self.app.tls_context(),
                    cfg=self.cfg,
                    max_body_bytes=self.limits.max_body_bytes,
                )
            except (OSError, ValueError):
                sock.close()
                continue
            self.open.add(conn)
            self.nr_conns += 1
            if self.nr_conns > self.limits.connections:
                self._give_up()
            self._wait(conn)
            self._readable(conn)

    def _wait(self, conn: Connection, event: int = selectors.EVENT_READ) -> None:
        conn.since_s = time.monotonic()
        self.waiting.add(conn)
        self.poller.register(conn, event, self._readable if event == selectors.EVENT_READ else self._writable)

    def _wait_no_more(self, conn: Connection) -> None:
        self.waiting.remove(conn)
        with contextlib.suppress(KeyError, ValueError, OSError):
            self.poller.unregister(conn)

    def _close(self, conn: Connection) -> None:
        self._wait_no_more(conn)
        if conn in self.open:
            self.open.remove(conn)
            self.nr_conns -= 1
        conn.close()

    def _readable(self, conn: Connection) -> None:
        if conn not in self.waiting:
            return
        try:
            if conn.lingers:
                conn.drain()
                return
            whole = conn.receive()
        except Closed:
            self._close(conn)
            return
        except ParseException as error:
            self._refuse(conn, error)
            return
        if conn.held > LARGE_BYTES:
            self._keep_less()
        if conn not in self.waiting:
            return
        if whole:
            self._wait_no_more(conn)
            self._dispatch(conn)
        elif conn.has_more:
            self.method_queue.defer(self._readable, conn)

    def _writable(self, conn: Connection) -> None:
        try:
            if conn.send():
                self._wait_no_more(conn)
                self._sent(conn)
        except Closed:
            self._close(conn)

    def _sent(self, conn: Connection) -> None:
        """The response is sent: wait for the next request or for the end."""
        if not conn.keep:
            conn.linger()
        self._wait(conn)
        if conn.has_more:
            self._readable(conn)

    # ---- requests

    def _dispatch(self, conn: Connection) -> None:
        """Give a whole request to a thread."""
        request = conn.incoming.request
        if request is not None and request.path in self.limits.probes:
            future = self.probes.submit(self._answer, conn, None)
        elif not (conn.held > LARGE_BYTES and self._keeps_too_much()) and admission.arrived(self.limits.queue):
            future = self.tpool.submit(self._in_turn, conn, time.monotonic())
        else:
            future = self.refusals.submit(self._answer, conn, NotAdmitted(self.limits.queue))
        future.add_done_callback(lambda done: self.method_queue.defer(self._answered, conn, done))

    def _in_turn(self, conn: Connection, arrived_s: float) -> bool:
        """Answer a request that waited for this thread. Return whether the whole response was sent."""
        admission.began()
        waited_s = time.monotonic() - arrived_s
        sent = self._answer(conn, NotAdmitted(0, waited_s) if waited_s > self.limits.queue_timeout_s else None)
        while sent and conn.keep and self._stays(conn) and conn.receive():
            sent = self._answer(conn, None)
        return sent

    def _stays(self, conn: Connection) -> bool:
        return bool(self.alive and self.nr_conns <= self.cfg.threads and (conn.has_more or _sends_soon(conn)))

    def _answer(self, conn: Connection, refusal: NotAdmitted | None) -> bool:
        request = conn.take()
        if refusal is not None:
            request.force_close()
        try:
            with admission.refusing(refusal):
                conn.keep = bool(self.handle_request(request, conn))
        except Exception:
            log.exception("a request failed in the server")
            self._write(
                conn, "500 Internal Server Error", "internal_error", "the server failed on this request", request.path
            )
        conn.answered = True
        return conn.send()

    def _answered(self, conn: Connection, done: Future[bool]) -> None:
        """A thread has finished; runs on the main loop."""
        self._after(conn, done.result)

    def _after(self, conn: Connection, send: Callable[[], bool]) -> None:
        """Wait for the client, after the response was sent or a part of it."""
        try:
            if send():
                self._sent(conn)
            else:
                self._wait(conn, selectors.EVENT_WRITE)
        except Closed:
            self._close(conn)
        except ParseException as error:  # in the next request, for which the thread had waited
            self._refuse(conn, error)
        except Exception:
            log.exception("a connection was closed after an internal error")
            self._close(conn)

    # ---- responses of the server itself

    def _refuse(self, conn: Connection, error: ParseException) -> None:
        """Answer a request that is not valid HTTP. Its content is not logged, because it may be a document."""
        log.info("refused a request that is not valid HTTP (%s)", type(error).__name__)
        status = next((line for kind, line in _STATUS.items() if isinstance(error, kind)), "400 Bad Request")
        why = next((words for kind, words in _WHY.items() if isinstance(error, kind)), status[4:])
        self._say(conn, status, "bad_request", f"the request is not valid HTTP/1.1: {why}")

    def _say(self, conn: Connection, status: str, code: str, message: str) -> None:
        self._wait_no_more(conn)
        request = conn.incoming.request
        self._write(conn, status, code, message, "" if request is None else request.path)
        self._after(conn, conn.send)

    def _write(self, conn: Connection, status: str, code: str, message: str, path: str) -> None:
        body = self.app.error_body(path, code, message)
        head = (
            f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        conn.sock, conn.keep = OutgoingResponse(), False
        conn.sock.sendall(head.encode() + body)

    # ---- limits

    def _give_up(self, *, holding: int = 0) -> bool:
        """Close the connection that has waited longest for its client; False: there is none."""
        conn = self.waiting.next_to_give_up(holding=holding)
        if conn is None:
            return False
        self._close(conn)
        self._given_up += 1
        if time.monotonic() - self._said_s > SAY_S:
            log.warning(
                "closed the %d connections that waited longest for their clients: more than %d were open, or "
                "more than %d bytes "
                "were kept for them",
                self._given_up,
                self.limits.connections,
                self.limits.held_bytes,
                extra={"event.action": "connections-closed"},
            )
            self._said_s, self._given_up = time.monotonic(), 0
        return True

    def _keeps_too_much(self) -> bool:
        return sum(conn.held for conn in self.open) > self.limits.held_bytes

    def _keep_less(self) -> None:
        while self._keeps_too_much() and self._give_up(holding=LARGE_BYTES):
            pass

    def murder_keepalived(self, force: bool = False) -> None:
        """Close connections that are too late. gunicorn calls this in each turn of its loop."""
        now_s = time.monotonic()
        if force or now_s - self._looked_s > LOOK_S:
            self._looked_s = now_s
            for conn in self.waiting:
                if force:
                    self._close(conn)
                elif now_s > self._end_s(conn):
                    self._too_late(conn)

    def _end_s(self, conn: Connection) -> float:
        """Return until when a connection may wait for its client."""
        if conn.lingers:
            return conn.since_s + LINGER_S
        if conn.sock.size:
            return conn.since_s + TAKE_S
        if conn.began_s is not None and conn.answered:
            return conn.began_s + self.limits.read_timeout_s
        if not conn.answered:
            return conn.since_s + self.limits.read_timeout_s
        return conn.since_s + (KEEPALIVE_S if self.alive else STOP_S)

    def _too_late(self, conn: Connection) -> None:
        if conn.incoming.request is None or conn.sock.size:
            self._close(conn)
        else:
            message = f"the request took longer than {self.limits.read_timeout_s:g} s to arrive; send it faster"
            self._say(conn, "408 Request Timeout", "request_timeout", message)

    def set_accept_enabled(self, enabled: bool) -> None:
        """While stopping, accept what the kernel has already accepted, and refuse everything later."""
        if not enabled and not self.alive:
            for listener in self.sockets:
                if select.select([listener], [], [], 0)[0]:
                    self.accept(listener)
        super().set_accept_enabled(enabled)
        if not self.alive:
            for listener in self.sockets:
                listener.close()


def _sends_soon(conn: Connection) -> bool:
    """Whether the client that was just answered sends its next request at once."""
    poll = select.poll()
    poll.register(conn.fileno(), select.POLLIN)
    return bool(poll.poll(STAY_MS))


def allow_files(wanted: int) -> None:
    """Raise this process's limit of open files, as far as the system allows. Many shells set it to 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
