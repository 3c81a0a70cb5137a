"""What stands before every route, and what every answer carries.

    request ─▶ room? 503 ─▶ GET or HEAD? 405 ─▶ Host and Origin ours? 421, 403 ─▶ token or cookie? 401, 429
        ─▶ route ─▶ headers

A page of another site cannot ask here in a visitor's name: a name that its owner points at this machine (DNS rebinding)
is no `Host` of ours, the cookie is sent from our own pages alone, and nothing here changes anything.
"""

from __future__ import annotations

import time

from flask import Flask, Response, request

from common.access.request_checks import Door, Turned
from common.server.admission import admission
from console.web.sessions import COOKIE, Sessions

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
"""Scripts and styles of our own files alone: none in the page, none from text, none from elsewhere. The one policy of
trusted types (static/js/trusted.js) makes HTML of the empty string only, which is how the chart library clears a place.
"""
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
HEALTH_PATHS = frozenset({"/health/live"})
OPEN_PATHS = ("/static/", "/health/")
"""What holds nothing of a document: the page's own files, and what an orchestrator asks."""
LOGIN = "/api/login"


class Refusal(Exception):  # noqa: N818  an answer, and no mistake of ours
    """A request that is answered with an error."""

    def __init__(self, status: int, code: str, message: str, *, retry_after_s: int | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.retry_after_s = status, code, retry_after_s


def install(app: Flask, door: Door, sessions: Sessions) -> None:
    """Guard an application; to be called before anything else is.

    Args:
        app: the application.
        door: who may ask.
        sessions: the cookies that stand for its token.
    """

    def guard() -> None:
        if admission.refusal is not None:
            raise Refusal(
                503,
                "overloaded",
                "too many requests are waiting for the console; try again in a moment",
                retry_after_s=1,
            )
        if request.method not in METHODS:
            raise Refusal(
                405,
                "method_not_allowed",
                f"the method {request.method[:20]} is not allowed; the console is read-only, use GET",
            )
        turned = turned_away(door, sessions)
        if turned is not None:
            raise Refusal(turned.status, turned.code, turned.message, retry_after_s=turned.retry_after_s)

    def carry(response: Response) -> Response:
        response.headers.update(HEADERS)
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    app.before_request(guard)
    app.after_request(carry)


def turned_away(door: Door, sessions: Sessions) -> Turned | None:
    """Why this request is not answered; None: it is. Health is for everybody."""
    if request.path in HEALTH_PATHS:
        return None
    turned = door.misled(request.environ) or door.foreign(request.environ)
    if turned is None and is_guarded(request.path) and not is_allowed(door, sessions):
        turned = door.unknown(request.environ)
    return turned


def is_guarded(path: str) -> bool:
    """Whether a token is asked for: everything that holds documents or figures."""
    return path.startswith("/api/") or not (path.startswith(OPEN_PATHS) or path.count("/") == 1)


def is_allowed(door: Door, sessions: Sessions) -> bool:
    """Whether this request shows the token, or a cookie that stands for it; signing in takes the token alone."""
    if not door.tokens.required or door.knows(request.environ):
        return True
    return request.path != LOGIN and sessions.allow_cookie(request.cookies.get(COOKIE, ""), now_s=time.time())
