"""One address for two real engines, because no available engine has both security and pipelines.

    /_security/...  ──▶ Elasticsearch with security (without pipelines here)
    anything else   ──▶ an engine with pipelines (without security)

Only the first engine can show what a key is not allowed to do. The router itself answers nothing; with
`sign_in=True` it passes a request on to the second engine only if the first one accepts the password or key in it.
"""

from __future__ import annotations

import contextlib
import ssl
import threading
from collections.abc import Iterator
from http import HTTPStatus
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
    sign_in: bool
    pool: urllib3.PoolManager

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)) or None
        secured = self.path.startswith("/_security/")
        if self.sign_in and not secured and (refusal := self._refusal()) is not None:
            self._reply(refusal)
            return
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
        self._reply(answer)

    def _refusal(self) -> urllib3.BaseHTTPResponse | None:
        """Return what the first engine answers to the sender's password or key, if it does not accept it."""
        given = {name: value for name, value in self.headers.items() if name.lower() == "authorization"}
        answer = self.pool.request("GET", f"{self.secured}/_security/_authenticate", headers=given, retries=False)
        return None if answer.status == HTTPStatus.OK else answer

    def _reply(self, answer: urllib3.BaseHTTPResponse) -> None:
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
def routed(
    engine: str,
    secured: str,
    *,
    certificates: Path | None = None,
    address: tuple[str, int] = ("127.0.0.1", 0),
    sign_in: bool = False,
) -> Iterator[str]:
    """Yield one address for both engines.

    Args:
        engine: address of the engine with pipelines.
        secured: address of the engine with security.
        certificates: folder with tls.crt and tls.key; if set, the router speaks TLS.
        address: host and port to listen on.
        sign_in: whether requests to the engine with pipelines need a password or key too.
    """
    with urllib3.PoolManager(maxsize=16) as pool:
        parts = {"engine": engine, "secured": secured, "sign_in": sign_in, "pool": pool}
        server = ThreadingHTTPServer(address, type("Handler", (_Handler,), parts))
        server.daemon_threads = True
        if certificates is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificates / "tls.crt", certificates / "tls.key")
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"{'http' if certificates is None else 'https'}://{address[0]}:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
