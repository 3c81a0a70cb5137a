"""The signed session cookie, so that the browser does not store a token itself.

    token typed ──▶ GET /api/login, Authorization: Bearer ... ──▶ Set-Cookie: NAME.ID.EXPIRY.SIGNATURE, HttpOnly
    cookie ───────▶ the signature of the rest is checked, with the key of that name

The key of a person depends on the hash of their token and on a random secret of this console: a new token or a removed
person ends the sessions, and the file of people alone is not enough to forge a cookie. Who signed in with the console's
own token has no name and may only read. A session gets a new id each time, which the server chooses. Signing out ends
it. The token itself is never in a URL, in the page or in the browser's storage.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass

LASTS_S = 12 * 3600
"""A working day; then the user signs in again."""
COOKIE = "oversight-console"
MOST_ENDED = 10_000
_PURPOSE = b"oversight console session "


@dataclass(frozen=True, slots=True)
class Session:
    """Who is signed in."""

    name: str
    """The person; empty: someone with the console's token."""
    id: str
    expiry_s: int


class Sessions:
    """The session cookies of this console.

    Args:
        token: the console's token; None: no token required.
        digest_of: returns the hash of a person's token; None: there is no such person.
        secret: random bytes of this console, at least 16.
    """

    def __init__(
        self, token: str | None, digest_of: Callable[[str], str | None] = lambda _name: None, *, secret: bytes = b""
    ) -> None:
        self._key = None if token is None else hashlib.sha256(_PURPOSE + token.encode()).digest()
        self._digest_of, self._secret = digest_of, secret
        self._ended: dict[str, int] = {}
        self._lock = threading.Lock()

    def read(self, cookie: str, *, now_s: float) -> Session | None:
        """Return the session of a cookie; None: it was not signed here, has expired, or has ended."""
        head, _, signature = cookie.rpartition(".")
        parts = head.rsplit(".", 2)
        if len(parts) != 3 or not cookie.isascii():
            return None
        name, session_id, expiry = parts
        key = self._key_of(name)
        if key is None or not hmac.compare_digest(signature, _signature(key, head)):
            return None
        if not expiry.isdigit() or int(expiry) <= now_s or session_id in self._ended:
            return None
        return Session(name, session_id, int(expiry))

    def cookie(self, name: str = "", *, now_s: float) -> str:
        """Return the cookie of a new session of a person, or of someone with the console's token."""
        head = f"{name}.{secrets.token_hex(8)}.{int(now_s) + LASTS_S}"
        return f"{head}.{_signature(self._key_of(name) or b'', head)}"

    def csrf(self, session: Session) -> str:
        """Return the token that requests of this session's pages carry in a header. Another site cannot read it."""
        return _signature(self._key_of(session.name) or b"", f"csrf {session.name} {session.id}")

    def end(self, session: Session, *, now_s: float) -> None:
        """Make the cookies of a session invalid."""
        with self._lock:
            self._ended = {each: expiry for each, expiry in self._ended.items() if expiry > now_s}
            while len(self._ended) >= MOST_ENDED:
                del self._ended[next(iter(self._ended))]
            self._ended[session.id] = session.expiry_s

    def _key_of(self, name: str) -> bytes | None:
        if not name:
            return self._key
        digest = self._digest_of(name)
        return None if digest is None else hmac.digest(self._secret, _PURPOSE + digest.encode(), "sha256")


def _signature(key: bytes, text: str) -> str:
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
