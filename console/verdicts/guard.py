"""Checks before a route that writes, after those before every route.

    a person's session? 401 ─▶ Origin there and ours? 403 ─▶ JSON? 415 ─▶ CSRF token of this session? 403

A page of another site cannot send the cookie (SameSite=Strict), cannot leave out or choose `Origin`, cannot send JSON
or our header without permission, and cannot read the token.
"""

from __future__ import annotations

import hmac
import time

from flask import g, request

from console.web.access import AccessError
from console.web.sessions import COOKIE, Session, Sessions

CSRF_HEADER = "X-Oversight-CSRF"
JSON = "application/json"


def check_write(sessions: Sessions) -> None:
    """Check this request, and note its session.

    Raises:
        AccessError: it may not write.
    """
    session = sessions.read(request.cookies.get(COOKIE, ""), now_s=time.time())
    if session is None or not session.name:
        raise AccessError(401, "not_signed_in", "only a person can write; sign in with your own token")
    if request.headers.get("Origin") is None:
        raise AccessError(
            403, "no_origin", "the header Origin is missing; send the request from the console's own page"
        )
    if request.mimetype != JSON:
        raise AccessError(415, "unsupported_media_type", f"send the body as {JSON}")
    given = request.headers.get(CSRF_HEADER, "")
    if not hmac.compare_digest(given.encode("utf-8", "replace"), sessions.csrf(session).encode()):
        raise AccessError(403, "wrong_csrf_token", f"the header {CSRF_HEADER} is missing or wrong; reload the page")
    g.session = session


def signed_in() -> Session:
    """Return the session of a request that `check_write` has passed."""
    session: Session = g.session
    return session
