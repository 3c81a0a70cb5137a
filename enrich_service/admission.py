"""How many requests a worker takes on: some in hand, some waiting, and an answer at once for the rest.

    connection with a request ─┬─ fewer than `queue` wait ──▶ waits ──▶ a thread ──▶ answered
                               │                                └─ waited too long ──▶ 503, Retry-After
                               └─ else ──▶ express thread ─┬─ health, metrics ──▶ answered
                                                           └─ anything else ────▶ 503, Retry-After

gunicorn's own queue has no bound: a thousand connections would each wait for all before it, and be answered long after
their clients gave up. The express thread keeps health and metrics alive meanwhile: a busy service is not a dead one.
A connection that sends its request, or takes its answer, too slowly is cut, so that it holds a thread only so long.
"""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from gunicorn import util
from gunicorn.workers.gthread import ThreadWorker

from enrich_service.config import PROBE_PATHS, Limits

LINGER_S = 0.5
"""How long an answered connection that is to be closed may still send before it is cut."""
STAY_MS = 1
"""How long a thread stays with a client that it has answered, where no other needs a thread: the next request of one that asks again at
once is spared the way over the poller and back, a quarter of what a known row costs."""
TOTAL_TIMEOUT_S = 120.0
"""Seconds after which a connection is closed whose client does not take the answer."""
LAST_ACCEPTS = 64
"""Connections that the kernel had already taken for a worker when it was told to stop."""


class Admission:
    """Counts who waits, and says on which terms the request of this thread was let in."""

    def __init__(self) -> None:
        self.waiting = 0
        self.on_change: Callable[[int], None] | None = None
        """Told how many wait."""
        self._lock = threading.Lock()
        self._terms = _Terms()

    def arrived(self, most: int) -> bool:
        """One more waits; False where that many wait already."""
        with self._lock:
            if self.waiting >= most:
                return False
            self.waiting += 1
        self._changed()
        return True

    def began(self) -> None:
        """One of those that waited has a thread now."""
        with self._lock:
            self.waiting -= 1
        self._changed()

    def _changed(self) -> None:
        if self.on_change is not None:
            self.on_change(self.waiting)

    @contextlib.contextmanager
    def on_terms(self, connection: Any, refusal: str | None) -> Iterator[None]:
        """Within it, `refusal` says why the request of this thread gets no answer but 503."""
        self._terms.connection, self._terms.refusal = connection, refusal
        try:
            yield
        finally:
            self._terms.connection = self._terms.refusal = None

    @property
    def refusal(self) -> str | None:
        """Why the request of this thread is not to be worked on; None: it is."""
        return self._terms.refusal

    @property
    def was_cut(self) -> bool:
        """Whether the client of this thread's request took too long to send it."""
        return bool(getattr(self._terms.connection, "was_cut", False))


class _Terms(threading.local):
    connection: Any = None
    refusal: str | None = None


admission = Admission()
"""Of this process: gunicorn makes the worker, Flask the application, and both meet here."""


class AdmittingWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """A gunicorn worker with threads whose queue is bounded. Reads its `Limits` from the application's `config`."""

    def init_process(self) -> None:
        """Start to work; runs after the fork."""
        self.limits: Limits = self.app.config.limits
        self.express = ThreadPoolExecutor(1, thread_name_prefix="express")
        self._in_hand: dict[Any, float] = {}
        """Since when a thread works on a connection."""
        super().init_process()

    def enqueue_req(self, conn: Any) -> None:
        """Let a connection with a request wait for a thread, or have it refused at once."""
        conn.arrived_s = time.monotonic()
        if admission.arrived(self.limits.queue):
            future = self.tpool.submit(self._in_turn, conn)
        else:
            future = self.express.submit(self._express, conn)
        future.add_done_callback(lambda done: self.method_queue.defer(self.finish_request, conn, done))

    def _in_turn(self, conn: Any) -> Any:
        admission.began()
        waited_s = time.monotonic() - conn.arrived_s
        refusal = None
        if waited_s > self.limits.queue_timeout_s:
            refusal = (
                f"the request waited {waited_s:.1f} s for a thread, more than OVERSIGHT_SERVE_QUEUE_TIMEOUT_S="
                f"{self.limits.queue_timeout_s:g}; send it again later, or start more workers"
            )
        keep = self._answer(conn, refusal)
        while keep is True and self._may_stay(conn) and _sends_soon(conn.sock):
            keep = self._answer(conn, None)
        return keep

    def _may_stay(self, conn: Any) -> bool:
        """Whether there is a thread for every connection, so that nobody waits for one that stays; and nothing of the next request was
        read already, as then the socket may be silent."""
        return bool(self.alive and self.nr_conns <= self.cfg.threads and not conn.parser.unreader.buf.getvalue())

    def _express(self, conn: Any) -> Any:
        if not conn.initialized and not conn.wait_for_data(LINGER_S):
            return False
        return self._answer(
            conn,
            f"the service has {self.limits.queue} requests waiting, as many as OVERSIGHT_SERVE_QUEUE allows; "
            f"send it again later, or start more workers",
        )

    def _answer(self, conn: Any, refusal: str | None) -> Any:
        conn.refusal, conn.was_cut = refusal, False
        self._in_hand[conn] = time.monotonic()
        try:
            keep = self.handle(conn)
        finally:
            del self._in_hand[conn]
        if keep is False:  # here and not on the main thread, which a client could hold up otherwise
            util.close_graceful(conn.sock, timeout=LINGER_S)
        return keep

    def handle_request(self, req: Any, conn: Any) -> Any:
        """Answer a request whose head was read; runs in a thread."""
        refusal = None if req.path in PROBE_PATHS else conn.refusal
        if refusal is not None:
            req.force_close()  # its body stays unread
        with admission.on_terms(conn, refusal):
            return super().handle_request(req, conn)

    def finish_request(self, conn: Any, fs: Future[Any]) -> None:
        """Keep the connection, or forget it: `_answer` has closed it."""
        if fs.exception() is None and fs.result() is False:
            self.nr_conns -= 1
            conn.close()
        else:
            super().finish_request(conn, fs)

    def murder_pending(self) -> None:
        """Called at least once a second."""
        super().murder_pending()
        now_s = time.monotonic()
        for conn, since_s in list(self._in_hand.items()):
            if now_s - since_s > TOTAL_TIMEOUT_S:
                _shutdown(conn.sock, socket.SHUT_RDWR)
            elif now_s - since_s > self.limits.read_timeout_s and not conn.was_cut:
                conn.was_cut = True
                _shutdown(conn.sock, socket.SHUT_RD)

    def set_accept_enabled(self, enabled: bool) -> None:
        """At a stop, take what the kernel had accepted already, and refuse all that comes later."""
        if not enabled and not self.alive:
            for _ in range(LAST_ACCEPTS):
                ready, _, _ = select.select(self.sockets, [], [], 0)
                for listener in ready:
                    self.accept(listener)
                if not ready:
                    break
        super().set_accept_enabled(enabled)
        if not self.alive:
            for listener in self.sockets:
                listener.close()


def _sends_soon(sock: socket.socket) -> bool:
    """Whether a client that was just answered sends something within a moment."""
    poll = select.poll()
    poll.register(sock.fileno(), select.POLLIN)
    return bool(poll.poll(STAY_MS))


def _shutdown(sock: socket.socket, how: int) -> None:
    """End one direction under the thread that works on it; a TLS socket's own `shutdown` would pull its state away."""
    with contextlib.suppress(OSError):
        socket.socket.shutdown(sock, how)
