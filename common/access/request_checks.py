"""Who may ask: everything that is looked at before a route is.

request ─▶ what a proxy says of it is believable? 400 ─▶ no token required: Host and Origin ours? 421, 403
                                                      └─ token required: a right one? 401, 429 after many wrong ones

Where no token is asked for, a web page of somebody else could ask in the name of the browser's user. It cannot choose
`Host`, which names the site that it came from, nor `Origin`.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from common.access.failed_attempts import Brake
from common.access.forwarded import PROBLEM
from common.access.tokens import Tokens
from common.settings.servers import ServerSettings
from contract.errors import shorten
from contract.hosts import is_loopback

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment


@dataclass(frozen=True, slots=True)
class Turned:
    """Why a request is turned away."""

    status: int
    code: str
    message: str
    retry_after_s: int | None = None


class Door:
    """The door of one server; threads share it.

    Args:
        tokens: who may ask.
        settings: of the server.
        local: only this machine reaches it.
    """

    def __init__(self, tokens: Tokens, settings: ServerSettings, *, local: bool) -> None:
        self.tokens = tokens
        self._hosts, self._local = frozenset(name.lower().rstrip(".") for name in settings.host_names), local
        self._hosts_setting, self._token_setting = settings.variable("hosts"), settings.bearer_variable
        self._brake = Brake()

    def misled(self, environ: WSGIEnvironment) -> Turned | None:
        """Whether a proxy that is not trusted, or contradicts itself, has sent this."""
        problem = environ.get(PROBLEM)
        return None if problem is None else Turned(400, "untrusted_proxy", str(problem))

    def foreign(self, environ: WSGIEnvironment) -> Turned | None:
        """Whether a web page of somebody else may have sent this."""
        host = str(environ.get("HTTP_HOST", ""))
        if not is_our_host(host, hosts=self._hosts, local=self._local):
            return Turned(
                421,
                "wrong_host",
                f"Host is {shorten(host)}, which this server does not accept; add it to {self._hosts_setting}",
            )
        origin = environ.get("HTTP_ORIGIN")
        if origin is not None and not self._is_ours(str(origin), host):
            return Turned(
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

    def knows(self, environ: WSGIEnvironment) -> bool:
        """Whether the request shows a right token."""
        return self.tokens.allow(bearer(environ))

    def unknown(self, environ: WSGIEnvironment) -> Turned:
        """The answer to a request that has shown no right token; a wrong one is counted."""
        wait_s = self._brake.failed(str(environ.get("REMOTE_ADDR", ""))) if bearer(environ) else None
        if wait_s is None:
            return Turned(
                401,
                "unauthorized",
                f"the token is missing or wrong; send `Authorization: Bearer ...` with {self._token_setting}",
            )
        return Turned(
            429,
            "too_many_wrong_tokens",
            f"too many wrong tokens came from this address; wait {wait_s} s, or send the right one "
            f"({self._token_setting})",
            wait_s,
        )


def bearer(environ: WSGIEnvironment) -> bytes:
    """The bearer token of a request, nothing where it has none."""
    scheme, _, given = str(environ.get("HTTP_AUTHORIZATION", "")).partition(" ")
    # WSGI hands headers over as Latin-1; this gives back the bytes that were sent
    return given.strip().encode("latin-1", "replace") if scheme.lower() == "bearer" else b""


def is_our_host(header: str, *, hosts: frozenset[str], local: bool) -> bool:
    """Whether a browser that calls us by this name can only have meant us.

    A name that somebody else owns may point here; an address cannot. Where other machines reach us, every address is
    taken.

    Args:
        header: `Host` as it was sent.
        hosts: our names, in small letters.
        local: only this machine reaches us.
    """
    try:
        name = urlsplit(f"//{header}").hostname or ""
    except ValueError:
        return False
    if not header or "@" in header or "/" in header:
        return False
    if is_loopback(name) or name.rstrip(".") in hosts:
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return not local
