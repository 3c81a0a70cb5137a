"""Settings of the enrich service."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import ClassVar, Self

from pydantic import Field, model_validator

from common.server.limits import Limits
from common.settings.servers import ServerSettings

DEFAULT_LIMITS = Limits()
DEFAULT_CACHE_BYTES = 16 * 1024 * 1024


class ServeSettings(ServerSettings):
    """The enrich service."""

    prefix: ClassVar = "OVERSIGHT_SERVE_"
    port: ClassVar = 8600
    bearer_variable: ClassVar = "OVERSIGHT_ENRICH_TOKEN"
    remedy: ClassVar = "set OVERSIGHT_ENRICH_TOKEN here and for the watcher"

    bind: str = Field("127.0.0.1:8600", description="HOST:PORT to listen on; port 0 uses a free port.")
    workers: int = Field(
        1,
        ge=1,
        le=64,
        description="Worker processes; each loads the model (about 110 MB, up to 190 MB under load).",
    )
    threads: int = Field(4, ge=1, le=64, description="Requests that one worker process handles at the same time.")
    max_body_bytes: int = Field(32 * 1024 * 1024, ge=1024, description="Largest request body; a larger one gets 413.")
    max_documents: int = Field(10_000, ge=1, description="Most documents in one request; a request with more gets 413.")
    timeout_s: int = Field(30, ge=1, le=3600, description="Seconds after which a stuck worker process is replaced.")
    unknown_is_alert: bool = Field(False, description="Alert on documents with the verdict `unknown` too.")
    queue: int = Field(
        DEFAULT_LIMITS.queue,
        ge=1,
        le=500,
        description="Requests that may wait for a thread of a worker; the next one gets 503.",
    )
    queue_timeout_s: float = Field(
        DEFAULT_LIMITS.queue_timeout_s, gt=0, le=3600, description="Seconds after which a waiting request gets 503."
    )
    read_timeout_s: float = Field(
        DEFAULT_LIMITS.read_timeout_s,
        ge=1,
        le=3600,
        description="Seconds within which a client must send its whole request; otherwise it gets 408.",
    )
    access_log: bool | None = Field(
        None, description="Log a line for each request; unset: yes if the log is JSON, no at a terminal."
    )
    open_metrics: bool = Field(False, description="Allow `GET /metrics` without a token.")
    tokens_file: Path | None = Field(
        None,
        description="File with more bearer tokens, one per line, in addition to `OVERSIGHT_ENRICH_TOKEN`; read again "
        "when it changes.",
    )
    cache_bytes: int = Field(
        DEFAULT_CACHE_BYTES,
        ge=0,
        description="Bytes of cache in each worker process for predictions of repeated alerts, as in a flood; "
        "0: no cache.",
    )
    tls_client_ca: Path | None = Field(
        None,
        description="PEM file of a certificate authority: every client needs a certificate that it signed; unset: "
        "clients need none.",
    )

    @property
    def logs_requests(self) -> bool:
        """Whether each request gets a line in the log."""
        return not sys.stdout.isatty() if self.access_log is None else self.access_log

    def limits(self, probes: frozenset[str]) -> Limits:
        """Limits of one worker; `probes` are the paths of health and metrics."""
        return Limits(
            queue=self.queue,
            queue_timeout_s=self.queue_timeout_s,
            read_timeout_s=self.read_timeout_s,
            max_body_bytes=self.max_body_bytes,
            held_bytes=max(DEFAULT_LIMITS.held_bytes, 2 * self.max_body_bytes),
            probes=probes,
        )

    @model_validator(mode="after")
    def _client_ca_needs_tls(self) -> Self:
        if self.tls_client_ca is not None and self.tls_cert is None:
            raise ValueError("OVERSIGHT_SERVE_TLS_CLIENT_CA needs OVERSIGHT_SERVE_TLS_CERT and OVERSIGHT_SERVE_TLS_KEY")
        return self
