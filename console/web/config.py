"""What the console is told at its start."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from elasticsearch import Elasticsearch

from common.access.forwarded import LOOPBACK
from common.access.tokens import Tokens
from common.server.limits import Limits
from common.server.tls import TlsFiles
from contract.artifact.contract import ModelContract

PREFIX = "OVERSIGHT_CONSOLE"
BIND, PORT = f"{PREFIX}_BIND", 8602
TOKEN = f"{PREFIX}_TOKEN"
HEALTH_PATHS = frozenset({"/health/live"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleConfig:
    """Where it listens, who may look, and what is shown."""

    connect: Callable[[], Elasticsearch]
    """Makes a client that has sent nothing yet; called in the process that answers."""
    explain: Callable[[Exception], str]
    """One line that a person can act on, from an error of that client."""
    contract: Callable[[], ModelContract]
    """Reads the contract of the model; called again from time to time, because the model may change."""
    cache: Path
    """Folder in which the charts' JavaScript is kept once it was made."""
    namespace: str = "default"
    index: str | None = None
    """Index, list or pattern in place of our stream."""
    bind: str = f"127.0.0.1:{PORT}"
    """HOST:PORT; port 0 takes a free one."""
    token: str | None = field(default=None, repr=False)
    """What a person types to get in; None: nothing is asked for."""
    allow_no_token: bool = False
    """Allow listening on an address that other machines can reach without a token."""
    hosts: tuple[str, ...] = ()
    """Names by which browsers may call it, beside this machine's own."""
    trusted_proxies: tuple[str, ...] = LOOPBACK
    """Addresses and networks whose `X-Forwarded-...` is believed."""
    limits: Limits = field(default_factory=lambda: Limits(max_body_bytes=0, probes=HEALTH_PATHS))
    refresh_s: int = 10
    """Seconds between two refreshes of an open page."""
    threads: int = 8
    """Requests handled at the same time."""
    timeout_s: float = 30.0
    """Seconds that Elasticsearch may take for one page."""
    tls: TlsFiles | None = None
    """None: plain HTTP."""
    make_charts_now: bool = True
    """Make the charts' JavaScript at the start, in place of when the first page asks for it."""


def tokens_of(config: ConsoleConfig, *, open_to_others: bool = False) -> Tokens:
    """Who may look.

    Raises:
        SettingsError: the token is too short.
    """
    return Tokens(config.token, setting=TOKEN, open_to_others=open_to_others)
