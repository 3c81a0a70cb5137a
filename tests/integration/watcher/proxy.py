"""A real HTTP server between the watcher and a real server that can inject faults.

watcher ──▶ FaultProxy ──▶ the real enrich service, or the real engine
                │
                └─ while `fault` is set: its reply instead of, or after, the real response
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import urllib3

from tests.waiting import WAIT_S

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host"}


@dataclass(frozen=True)
class Call:
    """One received request."""

    method: str
    path: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Reply:
    """The reply that replaces the real server's; `status` 0 closes the connection without a response."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    sent: int | None = None
    """The connection breaks after this many bytes of the body; None: the whole body is sent."""
    pause_s: float = 0.0
    """Wait after each tenth of the body."""
    reset: bool = False
    """Whether a broken connection is reset (RST), as by a router, or closed (FIN), as by a program that ended."""


DROP = Reply(0)
Fault = Callable[[Call, Callable[[], Reply]], Reply]
"""Gets the request, and a function that forwards it to the real server."""


class FaultProxy:
    """A reverse proxy that keeps its port when it is stopped and started again."""

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream
        self.fault: Fault | None = None
        self.calls: list[Call] = []
        self._pool = urllib3.PoolManager(maxsize=8, retries=False)
        self._server: _Server | None = None
        self._port = 0
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        self._server = _Server(self, self._port)
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Refuse new connections, and break the open ones."""
        if self._server is None:
            return
        self._server.shutdown()
        self._server.server_close()
        self._server.break_connections()
        self._server = None

    def close(self) -> None:
        self.stop()
        self._pool.clear()

    def requests(self, path: str) -> list[Call]:
        """The requests so far whose path begins with `path`."""
        return [call for call in self.calls if call.path.startswith(path)]

    def forward(self, call: Call) -> Reply:
        kept = {name: value for name, value in call.headers.items() if name.lower() not in HOP_BY_HOP}
        answer = self._pool.request(
            call.method, f"{self.upstream}{call.path}", body=call.body or None, headers=kept, decode_content=False
        )
        returned = {name: value for name, value in answer.headers.items() if name.lower() not in HOP_BY_HOP}
        return Reply(answer.status, answer.data, returned)

    def forward_half(self, call: Call) -> None:
        """Send half of the request to the real server, and break its connection before it can respond."""
        host, _, port = self.upstream.removeprefix("http://").partition(":")
        headers = {**call.headers, "host": f"{host}:{port}", "content-length": str(len(call.body))}
        head = "".join(
            [f"{call.method} {call.path} HTTP/1.1\r\n", *(f"{name}: {headers[name]}\r\n" for name in headers)]
        )
        with socket.create_connection((host, int(port)), timeout=WAIT_S) as raw:
            raw.sendall(head.encode("latin-1") + b"\r\n" + call.body[: len(call.body) // 2])


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, proxy: FaultProxy, port: int) -> None:
        self.proxy = proxy
        self._open: set[socket.socket] = set()
        self.to_reset: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), _Handler)

    def process_request(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> None:
        if isinstance(request, socket.socket):
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
        if isinstance(request, socket.socket):
            self._open.discard(request)
            if request in self.to_reset:
                self.to_reset.discard(request)
                self.close_request(request)  # a shutdown would send a FIN before the reset
                return
        super().shutdown_request(request)

    def break_connections(self) -> None:
        for one in list(self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """Print nothing: broken connections are expected in these tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def _any(self) -> None:
        proxy = self.server.proxy
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        call = Call(self.command, self.path, body, {name.lower(): value for name, value in self.headers.items()})
        proxy.calls.append(call)
        fault = proxy.fault
        reply = proxy.forward(call) if fault is None else fault(call, lambda: proxy.forward(call))
        if reply.status == 0:
            self._break(reply)
            return
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(reply.body)))
        self.end_headers()
        if self.command != "HEAD":
            self._send_body(reply)

    def _send_body(self, reply: Reply) -> None:
        body = reply.body[: reply.sent]
        size = len(body) if not reply.pause_s else max(1, len(body) // 10)
        for start in range(0, len(body), max(1, size)):
            self.wfile.write(body[start : start + size])
            self.wfile.flush()
            time.sleep(reply.pause_s)
        if reply.sent is not None:
            self._break(reply)

    def _break(self, reply: Reply) -> None:
        self.close_connection = True
        if reply.reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.server.to_reset.add(self.connection)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _any  # noqa: N815  names that http.server looks for

    def log_message(self, *args: object) -> None:
        """Keep the test output empty."""


@contextlib.contextmanager
def proxied(upstream: str) -> Iterator[FaultProxy]:
    """A proxy in front of a server, closed at the end."""
    proxy = FaultProxy(upstream)
    try:
        yield proxy
    finally:
        proxy.close()


def only(path: str, reply: Reply | Callable[[Call], Reply]) -> Fault:
    """A fault for paths that begin with `path`; other requests are forwarded."""

    def fault(call: Call, forward: Callable[[], Reply]) -> Reply:
        if not call.path.startswith(path):
            return forward()
        return reply(call) if callable(reply) else reply

    return fault
