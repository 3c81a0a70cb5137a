"""Faults on the way to Elasticsearch: a proxy that can be cut, and a client whose n-th bulk request fails."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Any, Self
from urllib.parse import urlsplit

from elastic_transport import ObjectApiResponse
from elasticsearch import Elasticsearch

from tests.waiting import WAIT_S


class Proxy:
    """A TCP proxy in front of a server; while cut, it refuses connections and closes open ones."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._server = (parts.hostname or "127.0.0.1", parts.port or 9200)
        self._listener: socket.socket | None = None
        self._open: list[socket.socket] = []
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self.swallow_answers = False
        """Requests reach the server, but the response is lost with the connection."""
        self.port = 0
        self.restore()

    @property
    def url(self) -> str:
        """URL for clients."""
        return f"http://127.0.0.1:{self.port}"

    def restore(self) -> None:
        """Accept connections (again), always on the same port."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listener.getsockname()[1]
        self._run(self._accept, self._listener)

    def cut(self) -> None:
        """Refuse connections, and close the open ones."""
        listener, self._listener = self._listener, None
        if listener is not None:
            _close(listener)
        with self._lock:
            for one in self._open:
                _close(one)
            self._open.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()
        for thread in self._threads:
            thread.join(timeout=WAIT_S)

    def _run(self, work: Any, *arguments: Any) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                server = socket.create_connection(self._server)
                with self._lock:
                    self._open += [client, server]
                self._run(self._pump, client, server, False)
                self._run(self._pump, server, client, True)

    def _pump(self, source: socket.socket, target: socket.socket, answers: bool) -> None:
        with contextlib.suppress(OSError):
            while content := source.recv(65536):
                if answers and self.swallow_answers:
                    break
                target.sendall(content)
        _close(source)
        _close(target)


def _close(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()


class FailingBulk(Elasticsearch):
    """A real client that answers its n-th bulk requests itself: it rejects some items, or all of them."""

    fail_at: frozenset[int] = frozenset()
    status = 429
    keep_every = 0
    """Let every n-th item through to the server; 0: none."""
    calls = 0

    def __enter__(self) -> Self:
        return self

    def options(self, **_: Any) -> Self:
        """Return itself, so that the count continues."""
        return self

    def bulk(self, *, operations: Any = None, **rest: Any) -> ObjectApiResponse[Any]:
        """Like the client's method, except for the requests that fail."""
        self.calls += 1
        if self.calls not in self.fail_at:
            return super().bulk(operations=operations, **rest)
        pairs = [operations[at : at + 2] for at in range(0, len(operations), 2)]
        through = [self.keep_every > 0 and at % self.keep_every == 0 for at in range(len(pairs))]
        sent = [part for pair, ok in zip(pairs, through, strict=True) if ok for part in pair]
        answer = super().bulk(operations=sent, **rest) if sent else None
        real = iter(answer["items"] if answer is not None else [])
        error = {"type": "es_rejected_execution_exception", "reason": "rejected execution"}
        put_off = {"create": {"status": self.status, "error": error}}
        items = [next(real) if ok else put_off for ok in through]
        meta: Any = answer.meta if answer is not None else None
        return ObjectApiResponse(body={"errors": True, "items": items}, meta=meta)
