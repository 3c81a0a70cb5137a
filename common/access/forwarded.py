"""Read the client's scheme and address from a proxy's headers, if the proxy is trusted.

    X-Forwarded-Proto, -Protocol, -Ssl ──▶ https or http ──▶ wsgi.url_scheme
    X-Forwarded-For ───────────────────▶ the last address that is no trusted proxy ──▶ REMOTE_ADDR

A scheme header from any other address is an error, and the message names the setting to change. `X-Forwarded-For` from
any other address is ignored.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import TYPE_CHECKING

from common.access.client_addresses import parse_address
from contract.errors import shorten

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

LOOPBACK = ("127.0.0.0/8", "::1")
"""Default: a proxy on the same machine."""
PROBLEM = "oversight.forwarded_problem"
"""Key in the WSGI environment: why the server does not trust a forwarded header."""

_SCHEME_HEADERS = {
    "HTTP_X_FORWARDED_PROTO": "X-Forwarded-Proto",
    "HTTP_X_FORWARDED_PROTOCOL": "X-Forwarded-Protocol",
    "HTTP_X_FORWARDED_SSL": "X-Forwarded-Ssl",
}
_SECURE = ("https", "ssl", "on", "wss")


class Forwarded:
    """WSGI middleware.

    Args:
        app: the application to call.
        trusted: addresses and networks of proxies.
        setting: name of the setting with these addresses, for messages.
    """

    def __init__(self, app: WSGIApplication, trusted: Iterable[str], *, setting: str) -> None:
        self._app, self._setting = app, setting
        self._trusted = [ipaddress.ip_network(network, strict=False) for network in trusted]

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Handle one request."""
        headers = [key for key in _SCHEME_HEADERS if key in environ]
        if headers or "HTTP_X_FORWARDED_FOR" in environ:
            self._read(environ, headers)
        return self._app(environ, start_response)

    def _read(self, environ: WSGIEnvironment, headers: list[str]) -> None:
        peer = str(environ.get("REMOTE_ADDR", ""))
        if self._trusts(peer):
            self._believe(environ, headers)
        elif headers:
            environ[PROBLEM] = (
                f"{_SCHEME_HEADERS[headers[0]]} came from {peer}, which is not a trusted proxy; "
                f"add its address to {self._setting}, or stop it from sending this header"
            )

    def _believe(self, environ: WSGIEnvironment, headers: list[str]) -> None:
        values = {key: str(environ[key]).split(",")[0].strip().lower() for key in headers}
        secure = {key: value in _SECURE for key, value in values.items()}
        if len(set(secure.values())) > 1:
            each = " and ".join(f"{_SCHEME_HEADERS[key]}: {shorten(value)}" for key, value in values.items())
            environ[PROBLEM] = f"{each} disagree; let the proxy send only one of them"
        elif secure:
            environ["wsgi.url_scheme"] = "https" if any(secure.values()) else "http"
        for address in reversed(str(environ.get("HTTP_X_FORWARDED_FOR", "")).split(",")):
            if not self._trusts(address.strip()):
                if parse_address(address.strip()) is not None:
                    environ["REMOTE_ADDR"] = address.strip()
                return

    def _trusts(self, text: str) -> bool:
        address = parse_address(text.split("%")[0])
        return address is not None and any(address in network for network in self._trusted)
