"""What the service is told at its start, and what of it is refused."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from pathlib import Path

from common.access.forwarded import LOOPBACK
from common.access.tokens import Tokens
from common.server.limits import Limits
from common.server.tls import TlsFiles
from contract import listening
from contract.listening import url_of

__all__ = ["AppConfig", "Limits", "ServeConfig", "listen", "split_bind", "tokens_of", "url_of"]

DEFAULT_MAX_BODY_BYTES = 32 * 1024 * 1024
DEFAULT_MAX_DOCUMENTS = 10_000
DEFAULT_CACHE_BYTES = 16 * 1024 * 1024
HEALTH_PATHS = frozenset({"/v2/health/live", "/v2/health/ready"})
METRICS_PATH = "/metrics"
ENRICH_PATH = "/v1/enrich"
PROBE_PATHS = HEALTH_PATHS | {METRICS_PATH}
"""Asked every few seconds by machines."""
PREFIX = "OVERSIGHT_SERVE"
BIND, PORT = f"{PREFIX}_BIND", 8600
TOKEN, TOKENS_FILE = "OVERSIGHT_ENRICH_TOKEN", f"{PREFIX}_TOKENS_FILE"


@dataclass(frozen=True, slots=True)
class AppConfig:
    """What the routes need to know."""

    token: str | None = field(default=None, repr=False)
    """Bearer token that every route but the health routes asks for; None: none is asked for."""
    max_body_bytes: int = DEFAULT_MAX_BODY_BYTES
    max_documents: int = DEFAULT_MAX_DOCUMENTS
    unknown_is_alert: bool = False
    tokens_file: Path | None = None
    """More tokens, one a line, that may change while the service runs."""
    open_metrics: bool = False
    """Whether `/metrics` is answered without a token where one is set."""
    cache_bytes: int = DEFAULT_CACHE_BYTES
    """Memory of a worker for results of rows that come again; 0 keeps none."""
    access_log: bool = False
    """Whether each request leaves a line in the log."""
    hosts: tuple[str, ...] = ()
    """Names by which clients may call the service where no token is asked for, beside this machine's own."""
    trusted_proxies: tuple[str, ...] = LOOPBACK
    """Addresses and networks whose `X-Forwarded-...` is believed."""
    local: bool = True
    """Only this machine reaches the service."""
    metrics_folder: Path | None = None
    """Where the workers keep what they count, to be summed; None for an application that is alone."""

    @property
    def asks_for_token(self) -> bool:
        """Whether a client needs a token."""
        return self.token is not None or self.tokens_file is not None


@dataclass(frozen=True, slots=True)
class ServeConfig:
    """What the server needs to know."""

    model: Path
    """An artifact, or a model folder."""
    model_digests: frozenset[str] = frozenset()
    """SHA-256 of every artifact that may be served, in hex; none at all: any may."""
    bind: str = "127.0.0.1:8600"
    """HOST:PORT; port 0 takes a free one."""
    workers: int = 1
    threads: int = 4
    timeout_s: int = 30
    """Seconds after which a stuck worker is replaced, and that a stopping one has for the request in hand."""
    app: AppConfig = field(default_factory=AppConfig)
    limits: Limits = field(default_factory=lambda: Limits(max_body_bytes=DEFAULT_MAX_BODY_BYTES, probes=PROBE_PATHS))
    tls: TlsFiles | None = None
    """None: plain HTTP."""
    allow_no_token: bool = False
    """Listen on an address that other machines reach although no token is asked for."""


def tokens_of(config: AppConfig, *, open_to_others: bool = False, quiet: bool = False) -> Tokens:
    """Who may ask.

    Raises:
        SettingsError: as `Tokens`.
    """
    return Tokens(
        config.token,
        config.tokens_file,
        setting=TOKEN,
        file_setting=TOKENS_FILE,
        open_to_others=open_to_others,
        quiet=quiet,
    )


def split_bind(bind: str) -> tuple[str, int]:
    """Host and port of `HOST:PORT`; IPv6 in brackets, `[::1]:8600`.

    Raises:
        SettingsError: it is not of that form.
    """
    return listening.split_bind(bind, setting=BIND, port=PORT)


def listen(config: ServeConfig) -> socket.socket:
    """A listening socket, so that a taken port is said once and before anything else is started.

    Raises:
        SettingsError: the address is none, or other machines could reach it and no token is set.
        EndpointUnavailableError: the system refuses the address.
    """
    return listening.listen(
        config.bind,
        setting=BIND,
        port=PORT,
        guarded=config.app.asks_for_token or config.allow_no_token,
        remedy="set OVERSIGHT_ENRICH_TOKEN here and for the watcher, or listen on 127.0.0.1 "
        "(OVERSIGHT_SERVE_ALLOW_NO_TOKEN=true if something else controls who can reach it)",
    )
