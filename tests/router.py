"""One address for two real engines, because no available engine has both security and pipelines.

    /_security/...  ──▶ Elasticsearch with security (without pipelines here)
    anything else   ──▶ an engine with pipelines (without security)

The router answers nothing itself. Only the first engine can show what a key is not allowed to do.
"""

from __future__ import annotations

import contextlib
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import urllib3

DROPPED = ("connection", "content-encoding", "content-length", "host", "transfer-encoding")


class _Handler(BaseHTTPRequestHandler):
    """Forwards one request."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    engine: str
    secured: str
    pool: urllib3.PoolManager

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)) or None
        secured = self.path.startswith("/_security/")
        headers = {
            name: value
            for name, value in self.headers.items()
            if name.lower() not in DROPPED and (secured or name.lower() != "authorization")
        }
        answer = self.pool.request(
            self.command,
            (self.secured if secured else self.engine) + self.path,
            body=body,
            headers=headers,
            retries=False,
        )
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            if name.lower() not in DROPPED:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.data)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _pass_on  # noqa: N815  the names that http.server looks for

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the parameter's name in http.server
        pass


@contextlib.contextmanager
def routed(engine: str, secured: str, *, certificates: Path | None = None) -> Iterator[str]:
    """Yield one address for both engines.

    Args:
        engine: address of the engine with pipelines.
        secured: address of the engine with security.
        certificates: folder with tls.crt and tls.key; if set, the router speaks TLS.
    """
    with urllib3.PoolManager(maxsize=16) as pool:
        handler = type("Handler", (_Handler,), {"engine": engine, "secured": secured, "pool": pool})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        if certificates is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificates / "tls.crt", certificates / "tls.key")
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"{'http' if certificates is None else 'https'}://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
