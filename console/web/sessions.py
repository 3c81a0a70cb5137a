"""The signed session cookie, so that the browser does not store the token itself.

    token typed ──▶ GET /api/login, Authorization: Bearer ... ──▶ Set-Cookie: EXPIRY.SIGNATURE, HttpOnly
    cookie ───────▶ the signature of the expiry, keyed by the token, is checked

The server stores no sessions; a new token ends all of them. The token itself is never in a URL, in the page or in the
browser's storage.
"""

from __future__ import annotations

import hashlib
import hmac

LASTS_S = 12 * 3600
"""A working day; then the user signs in again."""
COOKIE = "oversight-console"
_PURPOSE = b"oversight console session "


class Sessions:
    """The session cookies of this process.

    Args:
        token: the console's token; None: no token required.
    """

    def __init__(self, token: str | None) -> None:
        self._key = None if token is None else hashlib.sha256(_PURPOSE + token.encode()).digest()

    def allow_cookie(self, cookie: str, *, now_s: float) -> bool:
        """Whether a cookie was signed with the current token and has not expired."""
        if self._key is None:
            return True
        expiry, _, signature = cookie.partition(".")
        right = hmac.compare_digest(signature.encode("utf-8", "replace"), self._sign(expiry).encode())
        return right and expiry.isascii() and expiry.isdigit() and int(expiry) > now_s

    def cookie(self, *, now_s: float) -> str:
        """Return a new cookie."""
        expiry = str(int(now_s) + LASTS_S)
        return f"{expiry}.{self._sign(expiry)}"

    def _sign(self, expiry: str) -> str:
        return hmac.new(self._key or b"", expiry.encode("utf-8", "replace"), hashlib.sha256).hexdigest()
