"""The signed cookie that stands for the token, so that a browser does not keep the token itself.

    token typed ──▶ GET /api/login, Authorization: Bearer ... ──▶ Set-Cookie: EXPIRY.SIGNATURE, HttpOnly
    cookie      ──▶ signature of the expiry, made with the token as its key: nothing is kept here, a new token ends all

The token itself is never in an address, in the page or in the browser's storage.
"""

from __future__ import annotations

import hashlib
import hmac

LASTS_S = 12 * 3600
"""A working day; then the token is asked for again."""
COOKIE = "oversight-console"
_PURPOSE = b"oversight console session "


class Sessions:
    """The cookies that stand for the token of this process.

    Args:
        token: what is asked for; None: nothing is.
    """

    def __init__(self, token: str | None) -> None:
        self._key = None if token is None else hashlib.sha256(_PURPOSE + token.encode()).digest()

    def allow_cookie(self, cookie: str, *, now_s: float) -> bool:
        """Whether a cookie was made here of the token of now, and is not too old."""
        if self._key is None:
            return True
        expiry, _, signature = cookie.partition(".")
        right = hmac.compare_digest(signature.encode("utf-8", "replace"), self._sign(expiry).encode())
        return right and expiry.isascii() and expiry.isdigit() and int(expiry) > now_s

    def cookie(self, *, now_s: float) -> str:
        """A cookie that is good for a while from now."""
        expiry = str(int(now_s) + LASTS_S)
        return f"{expiry}.{self._sign(expiry)}"

    def _sign(self, expiry: str) -> str:
        return hmac.new(self._key or b"", expiry.encode("utf-8", "replace"), hashlib.sha256).hexdigest()
