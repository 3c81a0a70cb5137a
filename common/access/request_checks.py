"""Check every request before it reaches a route.

    request ─▶ trusted forwarded headers? 400 ─▶ no token required: `Host` and `Origin` ours? 421, 403
                                              └─ token required: is it right? 401, 429 after many wrong ones

Without a required token, a page of another site could send requests as the user of the browser. Such a page cannot
choose `Host` or `Origin`, so these two headers give it away.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from common.access.client_addresses import parse_address
from common.access.failed_attempts import FailedAttempts
from common.access.forwarded import PROBLEM
from common.access.tokens import Tokens
from common.settings.servers import ServerSettings
from contract.errors import shorten
from contract.hosts import is_loopback

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a request is rejected."""

    status: int
    code: str
    message: str
    retry_after_s: int | None = None


class RequestChecks:
    """The checks of one server. Threads share it.

    Args:
        tokens: the valid tokens.
        settings: settings of the server.
        local: only this machine can reach the server.
    """

    def __init__(self, tokens: Tokens, settings: ServerSettings, *, local: bool) -> None:
        self.tokens = tokens
        self._hosts, self._local = frozenset(name.lower().rstrip(".") for name in settings.host_names), local
        self._hosts_setting, self._token_setting = settings.variable("hosts"), settings.bearer_variable
        self._failed_attempts = FailedAttempts()

    def untrusted_proxy(self, environ: WSGIEnvironment) -> Rejection | None:
        """Reject a request whose forwarded headers come from an untrusted proxy or contradict each other."""
        problem = environ.get(PROBLEM)
        return None if problem is None else Rejection(400, "untrusted_proxy", str(problem))

    def other_site(self, environ: WSGIEnvironment) -> Rejection | None:
        """Reject a request that a page of another site may have sent."""
        host = str(environ.get("HTTP_HOST", ""))
        if not is_our_host(host, hosts=self._hosts, local=self._local):
            return Rejection(
                421,
                "wrong_host",
                f"Host is {shorten(host)}, which this server does not accept; add it to {self._hosts_setting}",
            )
        origin = environ.get("HTTP_ORIGIN")
        if origin is not None and not self._is_ours(str(origin), host):
            return Rejection(
                403,
                "wrong_origin",
                f"Origin is {shorten(str(origin))}: the request comes from a page of another site; if the "
                "site is yours, add its name to "
                f"{self._hosts_setting}",
            )
        return None

    def _is_ours(self, origin: str, host: str) -> bool:
        try:
            parts = urlsplit(origin)
            return parts.netloc.lower() == host.lower() or (parts.hostname or "").rstrip(".") in self._hosts
        except ValueError:
            return False

    def has_token(self, environ: WSGIEnvironment) -> bool:
        """Whether the request has a valid token."""
        return self.tokens.allow(bearer(environ))

    def no_token(self, environ: WSGIEnvironment) -> Rejection:
        """Return the error for a request without a valid token, and count a wrong one."""
        wait_s = self._failed_attempts.count(str(environ.get("REMOTE_ADDR", ""))) if bearer(environ) else None
        if wait_s is None:
            return Rejection(
                401,
                "unauthorized",
                f"the token is missing or wrong; send `Authorization: Bearer ...` with {self._token_setting}",
            )
        return Rejection(
            429,
            "too_many_wrong_tokens",
            f"too many wrong tokens came from this address; wait {wait_s} s, or send the right one "
            f"({self._token_setting})",
            wait_s,
        )


def bearer(environ: WSGIEnvironment) -> bytes:
    """Return the bearer token of a request; empty without one."""
    scheme, _, given = str(environ.get("HTTP_AUTHORIZATION", "")).partition(" ")
    # WSGI passes headers as Latin-1; this restores the bytes that the client sent
    return given.strip().encode("latin-1", "replace") if scheme.lower() == "bearer" else b""


def is_our_host(header: str, *, hosts: frozenset[str], local: bool) -> bool:
    """Whether a browser that uses this host name can only mean this server.

    Another site's name may resolve to our address, so unknown names are refused. An IP address is always safe, and
    accepted if other machines can reach the server.

    Args:
        header: `Host` as the client sent it.
        hosts: our host names, in lower case.
        local: only this machine can reach the server.
    """
    try:
        name = urlsplit(f"//{header}").hostname or ""
    except ValueError:
        return False
    if not header or "@" in header or "/" in header:
        return False
    if is_loopback(name) or name.rstrip(".") in hosts:
        return True
    return not local and parse_address(name) is not None
