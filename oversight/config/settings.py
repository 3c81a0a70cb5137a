"""Every setting, from the environment and a `.env` file; one frozen class for each part that is set.

A variable that begins with `OVERSIGHT_` and is no setting is refused: a misspelt name must not be ignored in silence.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self, TypeVar

import click
from pydantic import BeforeValidator, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from contract import hints
from contract.errors import SettingsError
from es_pipelines.resources.retention import parse_retention
from oversight.config import env_file
from oversight.config import misspelt_names as misspelt
from oversight.config.addresses import check_url
from oversight.config.env_file import ENV_FILE
from oversight.config.misspelt_names import PREFIX
from oversight.config.settings_base import DAY_S, ListeningPart, Part, ServerPart
from oversight.config.settings_console import ConsoleSettings
from watcher.read.slices import parse_slice

__all__ = [
    "DEFAULT_MODEL",
    "ENV_FILE",
    "PARTS",
    "PREFIX",
    "ElasticsearchSettings",
    "KibanaSettings",
    "OversightSettings",
    "Part",
    "ServeSettings",
    "ShipSettings",
    "WatchSettings",
    "load",
    "origin",
    "variable",
]

DEFAULT_MODEL = Path(__file__).resolve().parents[2] / "models" / "kdd99-mlp" / "model.onnx"


class ElasticsearchSettings(ServerPart):
    """Address and credentials of Elasticsearch."""

    model_config = SettingsConfigDict(env_prefix="ELASTICSEARCH_")

    url: str = "http://127.0.0.1:9200"
    """Address of the cluster."""
    api_key_file: Path | None = None
    """File with the API key, instead of ELASTICSEARCH_API_KEY: a file of `oversight provision --keys`, or just the
    key."""
    ca_certs: Path | None = None
    """File with the certificate authority that signed the cluster's certificate."""


class KibanaSettings(ServerPart):
    """Address and credentials of Kibana; only `oversight kibana` uses them."""

    model_config = SettingsConfigDict(env_prefix="KIBANA_")

    url: str = "http://127.0.0.1:5601"
    """Address of Kibana, with its base path if it has one, but without a space (`/s/...`)."""
    ca_certs: Path | None = None
    """File with the certificate authority that signed Kibana's certificate."""


class OversightSettings(Part):
    """Settings that several commands share."""

    secrets: ClassVar = ("enrich_token",)
    places: ClassVar = ("enrich_url", "enrich_ca_certs")
    model_config = SettingsConfigDict(env_prefix=PREFIX)

    namespace: str = hints.DEFAULT_NAMESPACE
    """Name of this installation; several installations can share a cluster."""
    index: str | None = None
    """Index, list or pattern to use instead of the installation's data stream."""
    model: Path = DEFAULT_MODEL
    """Model artifact, or model folder (`oversight model add`)."""
    model_sha256: str | None = None
    """Allowed SHA-256 digests of the artifact in hex, separated by commas; the enrich service refuses other
    artifacts."""
    enrich_url: str = "http://127.0.0.1:8600"
    """Address of the enrich service."""
    enrich_token: SecretStr | None = None
    """Bearer token of the enrich service: the service requires it and the watcher sends it. At least 16 characters if
    other machines can reach the service."""
    enrich_ca_certs: Path | None = None
    """File with the certificate authority that signed the enrich service's certificate; unset: the system's
    authorities."""
    enrich_client_cert: Path | None = None
    """PEM file of the watcher's client certificate, if the enrich service requires one."""
    enrich_client_key: Path | None = None
    """PEM file of the key of OVERSIGHT_ENRICH_CLIENT_CERT."""
    allow_plain_http: bool = False
    """Allow keys and tokens to go to another machine over plain HTTP; otherwise such an address is refused."""
    traceback: bool = False
    """Print the whole traceback of an unexpected error, for a bug report; otherwise one line."""
    suppress: Path | None = None
    """File with suppression rules, one per line: documents that match do not alert (docs/people.md); read again when
    it changes."""
    retention: Annotated[str | None, BeforeValidator(parse_retention)] = None
    """How long events are kept, such as `30d` or `12h`, if the cluster can delete them by itself; unset: for ever."""
    state: Path = Path("~/.local/state/oversight")
    """Folder for state between runs, such as the registry of shipped files."""

    @field_validator("namespace")
    @classmethod
    def _fits_a_data_stream(cls, value: str) -> str:
        if not re.fullmatch(r"[a-z0-9][a-z0-9_.]{0,99}", value):
            raise ValueError(
                "a namespace has 1 to 100 characters out of a-z, 0-9, `_` and `.`, and begins with a letter or digit; "
                "`-` is not "
                "allowed, because it separates the parts of a stream's name"
            )
        return value

    @field_validator("model_sha256")
    @classmethod
    def _is_a_digest(cls, value: str | None) -> str | None:
        digests = [part.strip().lower() for part in (value or "").split(",") if part.strip()]
        for digest in digests:
            if not re.fullmatch(r"[0-9a-f]{64}", digest):
                raise ValueError("expected 64 hex digits as `sha256sum` prints them; separate several with commas")
        return ",".join(digests) or None

    @property
    def model_digests(self) -> frozenset[str]:
        """The digests that are pinned; none: any artifact may be served."""
        return frozenset((self.model_sha256 or "").split(",")) - {""}

    @field_validator("enrich_url")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        return check_url(value)

    @property
    def client_cert(self) -> tuple[Path, Path] | None:
        """The certificate that a client of the enrich service shows, and its key."""
        cert, key = self.enrich_client_cert, self.enrich_client_key
        return None if cert is None or key is None else (cert, key)

    @model_validator(mode="after")
    def _certificate_has_its_key(self) -> Self:
        if (self.enrich_client_cert is None) != (self.enrich_client_key is None):
            raise ValueError(
                "only one of OVERSIGHT_ENRICH_CLIENT_CERT and OVERSIGHT_ENRICH_CLIENT_KEY is set; set both"
            )
        return self

    @field_validator("enrich_ca_certs", "enrich_client_cert", "enrich_client_key")
    @classmethod
    def _can_be_read(cls, value: Path | None) -> Path | None:
        if value is not None and not value.is_file():
            raise ValueError("this file does not exist; name an existing PEM file")
        return value

    @field_validator("suppress", mode="before")
    @classmethod
    def _nothing_is_no_file(cls, value: Any) -> Any:
        return None if value == "" else value

    @field_validator("state", "model", "suppress")
    @classmethod
    def _home_is_expanded(cls, value: Path | None) -> Path | None:
        return None if value is None else value.expanduser()


class ServeSettings(ListeningPart):
    """The enrich service."""

    model_config = SettingsConfigDict(env_prefix="OVERSIGHT_SERVE_")

    bind: str = "127.0.0.1:8600"
    """HOST:PORT to listen on."""
    workers: int = Field(1, ge=1, le=64)
    """Worker processes; each loads the model (about 110 MB, up to 190 MB under load)."""
    threads: int = Field(4, ge=1, le=64)
    """Requests that one worker process handles at the same time."""
    max_body_bytes: int = Field(32 * 1024 * 1024, ge=1024)
    """Largest request body; a larger one gets 413."""
    max_documents: int = Field(10_000, ge=1)
    """Most documents in one request; a request with more gets 413."""
    timeout_s: int = Field(30, ge=1, le=3600)
    """Seconds after which a stuck worker process is replaced."""
    unknown_is_alert: bool = False
    """Alert on documents with the verdict `unknown` too."""
    queue: int = Field(64, ge=1, le=500)
    """Requests that may wait for a thread of a worker; the next one gets 503."""
    queue_timeout_s: float = Field(10.0, gt=0, le=3600)
    """Seconds after which a waiting request gets 503."""
    read_timeout_s: float = Field(20.0, ge=1, le=3600)
    """Seconds within which a client must send its whole request; otherwise it gets 408."""
    access_log: bool | None = None
    """Log a line for each request; unset: yes if the log is JSON, no at a terminal."""
    open_metrics: bool = False
    """Allow `GET /metrics` without a token."""
    tokens_file: Path | None = None
    """File with more bearer tokens, one per line, in addition to `OVERSIGHT_ENRICH_TOKEN`; read again when it
    changes."""
    cache_bytes: int = Field(16 * 1024 * 1024, ge=0)
    """Bytes of cache in each worker process for predictions of repeated rows, as in a flood; 0: no cache."""
    tls_client_ca: Path | None = None
    """PEM file of a certificate authority: every client needs a certificate that it signed; unset: clients need
    none."""

    @model_validator(mode="after")
    def _client_ca_needs_tls(self) -> Self:
        if self.tls_client_ca is not None and self.tls_cert is None:
            raise ValueError("OVERSIGHT_SERVE_TLS_CLIENT_CA needs OVERSIGHT_SERVE_TLS_CERT and OVERSIGHT_SERVE_TLS_KEY")
        return self


class WatchSettings(Part):
    """The watcher."""

    model_config = SettingsConfigDict(env_prefix="OVERSIGHT_WATCH_")

    page_size: int = Field(1_000, ge=1, le=10_000)
    """Documents read, enriched and written together."""
    page_bytes: int = Field(4 * 1024 * 1024, ge=64 * 1024, le=256 * 1024 * 1024)
    """Most bytes of one page; larger pages are read in parts. A document whose model fields alone are larger fails
    (`document_too_large`)."""
    poll_interval_s: float = Field(1.0, gt=0, le=DAY_S)
    """Seconds between two searches while nothing is pending."""
    request_timeout_s: float = Field(30.0, gt=0, le=DAY_S)
    """Seconds within which the enrich service must respond to one page."""
    backoff_s: float = Field(0.5, gt=0, le=DAY_S)
    """Seconds to wait after the first failed request; the wait doubles each time, with jitter."""
    max_backoff_s: float = Field(30.0, gt=0, le=DAY_S)
    """Longest wait between two attempts, in seconds."""
    pit_keep_alive_s: float = Field(120.0, gt=0, le=DAY_S)
    """Seconds that Elasticsearch keeps the point in time open between two pages."""
    slices: int = Field(1, ge=1, le=16)
    """Pages that one watcher processes at the same time, each in its own thread."""
    slice: str | None = None
    """`I/N`: this watcher takes share I of N, where N watchers share the work; unset: it takes every pending
    document."""
    heartbeat_s: float = Field(10.0, ge=0, le=DAY_S)
    """Seconds between two heartbeats (for `oversight status` and dashboards) and between two counts of pending
    documents;
    0: neither."""
    metrics_bind: str = "127.0.0.1:8601"
    """HOST:PORT for the watcher's Prometheus metrics and health; empty: none. `oversight watch --once` does not
    listen."""

    @field_validator("slice")
    @classmethod
    def _is_a_slice(cls, value: str | None) -> str | None:
        if value is not None:
            parse_slice(value)
        return value

    @field_validator("metrics_bind")
    @classmethod
    def _is_a_port(cls, value: str) -> str:
        host, _, port = value.rpartition(":")
        if value and not (host and port.isascii() and port.isdigit() and int(port) <= 65_535):
            raise ValueError("expected HOST:PORT such as 127.0.0.1:8601, or an empty value for no metrics")
        return value

    @model_validator(mode="after")
    def _waits_grow(self) -> Self:
        if self.max_backoff_s < self.backoff_s:
            raise ValueError(
                f"OVERSIGHT_WATCH_MAX_BACKOFF_S={self.max_backoff_s} is below "
                f"OVERSIGHT_WATCH_BACKOFF_S={self.backoff_s}; raise it"
            )
        return self

    @model_validator(mode="after")
    def _point_in_time_outlives_a_page(self) -> Self:
        if self.pit_keep_alive_s < 2 * self.request_timeout_s:
            raise ValueError(
                f"OVERSIGHT_WATCH_PIT_KEEP_ALIVE_S={self.pit_keep_alive_s} must be at least twice "
                f"OVERSIGHT_WATCH_REQUEST_TIMEOUT_S={self.request_timeout_s}, otherwise the search can expire; raise "
                f"the first or "
                f"lower the second"
            )
        return self


class ShipSettings(Part):
    """The shipper."""

    model_config = SettingsConfigDict(env_prefix="OVERSIGHT_SHIP_")

    batch_size: int = Field(1_000, ge=1, le=10_000)
    """Lines in one bulk request."""
    batch_bytes: int = Field(4 * 1024 * 1024, ge=64 * 1024)
    """Most bytes in one bulk request; a larger line is sent in a request of its own."""
    in_flight: int = Field(4, ge=1, le=16)
    """Bulk requests at the same time, with at most 10,000 lines in total; 1 puts less load on a small cluster."""


PARTS: tuple[type[Part], ...] = (
    ElasticsearchSettings,
    OversightSettings,
    ServeSettings,
    WatchSettings,
    ShipSettings,
    KibanaSettings,
    ConsoleSettings,
)
ENVIRONMENT = "environment"
_Part = TypeVar("_Part", bound=Part)
_warned: set[str] = set()
"""What this process said already."""


def load(part: type[_Part], **given: Any) -> _Part:
    """Settings of one part; `given` are options of the command line, which win (None: not given).

    Raises:
        SettingsError: names the variable, its value and what is allowed.
    """
    try:
        _look_at_names()
        settings = part(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        raise SettingsError("; ".join(_explain(part, problem) for problem in error.errors())) from None
    _refuse_mixed(part, given)
    if isinstance(settings, OversightSettings) and "namespace" in given:  # else it is loaded for something else
        hints.installation(settings.namespace)
    return settings


def variable(part: type[Part], name: str) -> str:
    """Environment variable of one setting."""
    return f"{part.model_config.get('env_prefix', '')}{name}".upper()


def _look_at_names() -> None:
    """Refuse, or warn of, variables that look like settings and are none.

    Raises:
        SettingsError: names one, and the nearest that exists.
    """
    known = {variable(part, name) for part in PARTS for name in part.model_fields}
    environment, file = {name.upper() for name in os.environ}, env_file.values()
    for message in misspelt.refused(environment, file, known):
        raise SettingsError(message)
    for message in misspelt.warned(environment, file, known):
        if message not in _warned:  # settings of several parts are loaded
            _warned.add(message)
            click.echo(f"oversight: {message}", err=True)


def origin(part: type[Part], name: str) -> str:
    """Where a setting's value comes from: `environment`, `.env` or `default`."""
    key = variable(part, name)
    if key in {name.upper() for name in os.environ}:
        return ENVIRONMENT
    return ENV_FILE if key in env_file.values() else "default"


def _refuse_mixed(part: type[Part], given: Mapping[str, Any]) -> None:
    """Refuse to send a secret of the environment to an address that the file names, or whose certificates it vouches
    for.

    Raises:
        SettingsError: names both variables.
    """
    for secret in part.secrets:
        for place in part.places:
            ours = given.get(place) is None and given.get(secret) is None
            if ours and (origin(part, secret), origin(part, place)) == (ENVIRONMENT, ENV_FILE):
                raise SettingsError(
                    f"{variable(part, secret)} is in the environment and {variable(part, place)} in the file "
                    f"{Path(ENV_FILE).absolute()}: Oversight never sends a secret from the environment to an address "
                    f"from a file; set "
                    f"both in the environment, or both in the file"
                )


def _explain(part: type[Part], problem: Any) -> str:
    message = str(problem["msg"]).removeprefix("Value error, ")
    if not problem["loc"]:
        return message
    name = str(problem["loc"][0])
    field = part.model_fields.get(name)
    secret = (
        field is None
        or "SecretStr" in str(field.annotation)
        or any(mark in str(problem.get("input")) for mark in "@?#")
    )
    shown = "" if secret else f"={problem.get('input')}"
    return f"{variable(part, name)}{shown}: {message}"
