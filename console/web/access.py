"""Checks before every route, and headers of every response.

    request ─▶ overloaded? 503 ─▶ GET or HEAD? 405 ─▶ Host and Origin ours? 421, 403 ─▶ token or cookie? 401, 429
            ─▶ route ─▶ headers

A page of another site cannot send requests as the user. After DNS rebinding the `Host` is not ours, and the browser
sends the cookie only from our own pages. Without `--verdicts` no request changes anything; with it, only POST to a few
paths does, after the checks of `console.verdicts.guard`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from flask import Flask, Response, request

from common.access.request_checks import Rejection, RequestChecks, bearer
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
"""Only our own files may be scripts and styles: no inline code, no code from text, nothing from other sites. The one
trusted-types policy (static/js/early.js) allows only empty HTML, with which the chart library clears an element.
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
"""Paths without data of documents: the page's own files, and the health check."""
LOGIN = "/api/login"
WRITES = ("/api/verdicts", "/api/logout")
"""Beginnings of the paths that POST may reach if people may write verdicts."""


class AccessError(Exception):
    """A request that gets an error response."""

    def __init__(self, status: int, code: str, message: str, *, retry_after_s: int | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.retry_after_s = status, code, retry_after_s


@dataclass(frozen=True, slots=True)
class Writers:
    """How people may write."""

    person_of: Callable[[bytes], str | None]
    """Returns who has a token."""
    check_write: Callable[[Sessions], None]
    """Raises `AccessError` if this request may not write."""


def install(app: Flask, checks: RequestChecks, sessions: Sessions, writers: Writers | None = None) -> None:
    """Install the checks. Call this before anything else uses the application.

    Args:
        app: the application.
        checks: checks tokens and headers.
        sessions: the cookies of signed-in users.
        writers: who may write; None: nobody.
    """

    def guard() -> None:
        if admission.refusal is not None:
            raise AccessError(
                503,
                "overloaded",
                "too many requests are waiting for the console; try again in a moment",
                retry_after_s=1,
            )
        writes = writers is not None and request.method == "POST" and request.path.startswith(WRITES)
        if request.method not in METHODS and not writes:
            raise AccessError(
                405,
                "method_not_allowed",
                f"the method {request.method[:20]} is not allowed; this address only reads, use GET",
            )
        rejection = rejection_of(checks, sessions, writers)
        if rejection is not None:
            raise AccessError(
                rejection.status, rejection.code, rejection.message, retry_after_s=rejection.retry_after_s
            )
        if writes and writers is not None:
            writers.check_write(sessions)

    def carry(response: Response) -> Response:
        response.headers.update(HEADERS)
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    app.before_request(guard)
    app.after_request(carry)


def rejection_of(checks: RequestChecks, sessions: Sessions, writers: Writers | None = None) -> Rejection | None:
    """Return why this request is rejected; None: it is allowed. The health check is open to everyone."""
    if request.path in HEALTH_PATHS:
        return None
    rejection = checks.untrusted_proxy(request.environ) or checks.other_site(request.environ)
    if rejection is None and is_guarded(request.path) and not is_allowed(checks, sessions, writers):
        rejection = checks.no_token(request.environ)
    return rejection


def is_guarded(path: str) -> bool:
    """Whether a path needs a token: everything with documents or figures does."""
    return path.startswith("/api/") or not (path.startswith(OPEN_PATHS) or path.count("/") == 1)


def is_allowed(checks: RequestChecks, sessions: Sessions, writers: Writers | None = None) -> bool:
    """Whether this request has a valid token or cookie. Signing in needs a token itself."""
    if not checks.tokens.required and writers is None:
        return True
    if checks.has_token(request.environ):
        return True
    if writers is not None and writers.person_of(bearer(request.environ)) is not None:
        return True
    return request.path != LOGIN and sessions.read(request.cookies.get(COOKIE, ""), now_s=time.time()) is not None
