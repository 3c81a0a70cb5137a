"""What the service is told at its start, and what of it is refused."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass, field
from pathlib import Path

from contract.errors import EndpointUnavailableError, SettingsError
from enrich_service.tls import TlsFiles

DEFAULT_MAX_BODY_BYTES = 32 * 1024 * 1024
DEFAULT_MAX_DOCUMENTS = 10_000
HEALTH_PATHS = frozenset({"/v2/health/live", "/v2/health/ready"})
METRICS_PATH = "/metrics"
PROBE_PATHS = HEALTH_PATHS | {METRICS_PATH}
"""Asked every few seconds by machines."""
BACKLOG = 1024
"""Connections that the kernel holds for us while every thread is busy."""

SILENCE_S = 30
"""Seconds that the kernel keeps a connection on which nothing was sent from us."""


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
    access_log: bool = False
    """Whether each request leaves a line in the log."""
    metrics_folder: Path | None = None
    """Where the workers keep what they count, to be summed; None for an application that is alone."""

    @property
    def asks_for_token(self) -> bool:
        """Whether a client needs a token."""
        return self.token is not None or self.tokens_file is not None


@dataclass(frozen=True, slots=True)
class Limits:
    """What one worker takes on (`admission`)."""

    queue: int = 64
    """Requests that wait for a thread; the next is answered 503."""
    queue_timeout_s: float = 10.0
    """A request that waited longer is answered 503: its client has given up, or will before the answer."""
    read_timeout_s: float = 20.0
    """Seconds that a client has for sending one request whole."""


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
    limits: Limits = field(default_factory=Limits)
    tls: TlsFiles | None = None
    """None: plain HTTP."""
    allow_no_token: bool = False
    """Listen on an address that other machines reach although no token is asked for."""


def split_bind(bind: str) -> tuple[str, int]:
    """Host and port of `HOST:PORT`; IPv6 in brackets, `[::1]:8600`.

    Raises:
        SettingsError: it is not of that form.
    """
    host, colon, port = bind.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        host = ""  # an IPv6 address without brackets: nobody can say where its port begins
    if not colon or not host or not (port.isascii() and port.isdigit()) or int(port) > 65535:
        raise SettingsError(
            f"OVERSIGHT_SERVE_BIND={bind} is no address to listen on; expected HOST:PORT such as 127.0.0.1:8600 or [::1]:8600"
        )
    return host, int(port)


def listen(config: ServeConfig) -> socket.socket:
    """A listening socket, so that a taken port is said once and before anything else is started.

    Raises:
        SettingsError: the address is none, or other machines could reach it and no token is set.
        EndpointUnavailableError: the system refuses the address.
    """
    host, port = split_bind(config.bind)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise EndpointUnavailableError(
            f"cannot listen on {config.bind}: {host!r} is no name or address of this machine ({error}); set --bind"
        ) from None
    guarded = config.app.asks_for_token or config.allow_no_token
    if not guarded and not all(is_loopback(str(address[0])) for *_, address in found):
        raise SettingsError(
            f"{config.bind} can be reached from other machines and no token is set; "
            f"set OVERSIGHT_ENRICH_TOKEN here and for the watcher, or listen on 127.0.0.1 "
            f"(OVERSIGHT_SERVE_ALLOW_NO_TOKEN=true where something else keeps strangers away)"
        )
    family, kind, protocol, _, address = found[0]
    listener = socket.socket(family, kind, protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if hasattr(socket, "TCP_DEFER_ACCEPT"):  # Linux: a client that connects and says nothing takes no thread
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, SILENCE_S)
    try:
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise EndpointUnavailableError(
            f"cannot listen on {config.bind}: {(error.strerror or str(error)).lower()}; "
            f"end what uses that port, or choose another with --bind HOST:PORT"
        ) from None
    return listener


def is_loopback(address: str) -> bool:
    """Whether only this machine reaches an address."""
    return ipaddress.ip_address(address.split("%")[0]).is_loopback


def url_of(listener: socket.socket, *, tls: bool = False) -> str:
    """`http://127.0.0.1:8600` of a listening socket."""
    host, port = listener.getsockname()[:2]
    return f"{'https' if tls else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"
