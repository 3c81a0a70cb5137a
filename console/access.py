"""What stands before every route, and what every answer carries.

    request ──▶ GET or HEAD? 405 ──▶ Host one of ours? 421 ──▶ token or cookie? 401 ──▶ route ──▶ headers for the browser

A page of another site cannot ask here in a visitor's name: a name that its owner points at this machine (DNS rebinding)
is no `Host` of ours, the cookie is sent from our own pages alone, and nothing here changes anything.
"""

from __future__ import annotations

import ipaddress
import time
from urllib.parse import urlsplit

from flask import Flask, Response, request

from console.sessions import COOKIE, Sessions
from contract.errors import shorten
from contract.hosts import is_loopback

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types default",
    )
)
"""Scripts and styles of our own files alone: none in the page, none from text, none from elsewhere. The one policy of trusted
types (static/js/trusted.js) makes HTML of the empty string only, which is how the chart library clears a place."""
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
METHODS = ("GET", "HEAD")
OPEN_PATHS = ("/static/", "/health/")
"""What holds nothing of a document: the page's own files, and what an orchestrator asks."""
OPEN_PAGES = frozenset({"/", "/favicon.ico"})
LOGIN = "/api/login"


class Refusal(Exception):  # noqa: N818  an answer, and no mistake of ours
    """A request that is answered with an error."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


def install(app: Flask, sessions: Sessions, *, hosts: tuple[str, ...], local: bool) -> None:
    """Guard an application; to be called before anything else is.

    Args:
        app: the application.
        sessions: who may look.
        hosts: names by which browsers may call it.
        local: only this machine reaches it.
    """

    def guard() -> None:
        if request.method not in METHODS:
            raise Refusal(
                405, "method_not_allowed", f"{request.method[:20]} is not taken; the console only reads (GET)"
            )
        if not is_our_host(request.headers.get("Host", ""), hosts=hosts, local=local):
            name = shorten(request.headers.get("Host", ""))
            raise Refusal(
                421,
                "wrong_host",
                f"Host is {name}, which is no name of this console; add it to OVERSIGHT_CONSOLE_HOSTS",
            )
        if is_guarded(request.path) and not is_allowed(sessions):
            raise Refusal(
                401, "unauthorized", "no or a wrong token; sign in with the console's token (OVERSIGHT_CONSOLE_TOKEN)"
            )

    def carry(response: Response) -> Response:
        response.headers.update(HEADERS)
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    app.before_request(guard)
    app.after_request(carry)


def is_our_host(header: str, *, hosts: tuple[str, ...], local: bool) -> bool:
    """Whether a browser that calls us by this name can only have meant us.

    A name that somebody else owns may point here; an address cannot. Where other machines reach us, every address is taken.
    """
    try:
        name = urlsplit(f"//{header}").hostname or ""
    except ValueError:
        return False
    if not header or "@" in header or "/" in header:
        return False
    if is_loopback(name) or name.rstrip(".") in {one.lower() for one in hosts}:
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return not local


def is_guarded(path: str) -> bool:
    """Whether a token is asked for: everything that holds documents or figures."""
    return path.startswith("/api/") or not (path.startswith(OPEN_PATHS) or path.count("/") == 1)


def is_allowed(sessions: Sessions) -> bool:
    """Whether this request shows the token, or a cookie that stands for it; signing in takes the token alone."""
    if not sessions.required:
        return True
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    # WSGI hands headers over as Latin-1; this gives back the bytes that were sent
    if scheme.lower() == "bearer" and sessions.allow_token(given.strip().encode("latin-1", "replace")):
        return True
    return request.path != LOGIN and sessions.allow_cookie(request.cookies.get(COOKIE, ""), now_s=time.time())
