"""What all settings classes are made of: where values come from, and how a server is reached and spoken to."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, DotEnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from common.access.forwarded import LOOPBACK
from es_pipelines.security.key_text import read_key
from oversight.config.addresses import check_url
from oversight.config.env_file import ENV_FILE, values

DAY_S = 86_400.0
"""Longest time that may be set; infinity and what a clock cannot hold are above it."""


class TrustedFile(DotEnvSettingsSource):
    """`.env` as `oversight.config.env_file` reads it."""

    def _read_env_files(self) -> Mapping[str, str | None]:
        return {name.lower(): value for name, value in values().items()}


class Part(BaseSettings):
    """Base of the settings classes: frozen, from `.env` and the environment, the environment first."""

    model_config = SettingsConfigDict(env_file=ENV_FILE, env_file_encoding="utf-8", extra="ignore", frozen=True)
    secrets: ClassVar[tuple[str, ...]] = ()
    """Settings that are sent to a server."""
    places: ClassVar[tuple[str, ...]] = ()
    """Settings that say to which server, and how it is known."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Options, the environment, then `.env`, if nobody else can have written it."""
        del dotenv_settings, file_secret_settings
        return init_settings, env_settings, TrustedFile(settings_cls)

    @field_validator("*")
    @classmethod
    def _secrets_fit_a_header(cls, value: Any) -> Any:
        """Blanks and line ends around a secret are an accident of the file it came from; an empty one is none."""
        if not isinstance(value, SecretStr):
            return value
        text = value.get_secret_value().strip()
        if not all(" " <= letter <= "~" for letter in text):
            raise ValueError(
                "the secret contains a character that cannot be in an HTTP header; use printable ASCII only"
            )
        return SecretStr(text) if text else None


class ServerPart(Part):
    """Base of the settings of a server that asks who we are."""

    secrets: ClassVar = ("api_key", "api_key_file", "password")
    places: ClassVar = ("url", "ca_certs")

    url: str = ""
    """Address of the server."""
    api_key: SecretStr | None = None
    """API key in the encoded form (`encoded` in the response of Elasticsearch's create API key API)."""
    api_key_file: Path | None = None
    """File with the API key, instead of the key itself: just the key, or a file of `oversight provision --keys`."""
    username: str | None = None
    """User name, if you use no API key."""
    password: SecretStr | None = None
    """Password of the user."""
    ca_certs: Path | None = None
    """File with the certificate authority that signed the server's certificate."""
    timeout_s: float = Field(30.0, gt=0, le=DAY_S)
    """Longest time for one request, in seconds."""

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        return check_url(value)

    @model_validator(mode="before")
    @classmethod
    def _key_comes_from_its_file(cls, given: Any) -> Any:
        """The file's key as if it had been given itself."""
        if not isinstance(given, dict) or not given.get("api_key_file"):
            return given
        name = f"{cls.model_config.get('env_prefix', '')}API_KEY"
        file = Path(given["api_key_file"]).expanduser()
        if given.get("api_key"):
            raise ValueError(f"{name} and {name}_FILE are both set: remove one of them")
        try:
            key = read_key(file)
        except OSError as error:
            raise ValueError(
                f"{name}_FILE={file} cannot be read ({error.strerror}); name a file with an API key that you may read"
            ) from None
        if key is None:
            raise ValueError(
                f"{name}_FILE={file} contains no API key; expected a line ELASTICSEARCH_API_KEY=..., or just the key"
            )
        return {**given, "api_key": key}

    @model_validator(mode="after")
    def _credentials_are_whole(self) -> Self:
        of = str(self.model_config.get("env_prefix", ""))
        if (self.username is None) != (self.password is None):
            raise ValueError(f"only one of {of}USERNAME and {of}PASSWORD is set; set both, or set {of}API_KEY instead")
        if self.username is not None and not self.username.isascii():
            raise ValueError(
                f"{of}USERNAME contains letters that are not ASCII, and basic authentication cannot send them; use an "
                f"API key"
            )
        if self.api_key is not None and self.username is not None:
            raise ValueError(f"{of}API_KEY and {of}USERNAME are both set: remove one of them")
        return self

    @property
    def has_secret(self) -> bool:
        """Whether requests carry a key or a password."""
        return self.api_key is not None or self.password is not None


class ListeningPart(Part):
    """Base of the settings of a server of ours that speaks HTTP."""

    bind: str = ""
    """HOST:PORT to listen on."""
    hosts: str = ""
    """Host names that clients may use besides this machine's own, separated by commas, such as `soc.example`."""
    trusted_proxies: str = ",".join(LOOPBACK)
    """Addresses or networks of trusted proxies, separated by commas: the server accepts `X-Forwarded-Proto` and
    `X-Forwarded-For` only from them."""
    allow_no_token: bool = False
    """Allow listening on an address that other machines can reach without a token."""
    tls_cert: Path | None = None
    """PEM file of the server's certificate; if set, the server uses HTTPS."""
    tls_key: Path | None = None
    """PEM file of the server certificate's key."""

    @property
    def host_names(self) -> tuple[str, ...]:
        """The names, each alone."""
        return _listed(self.hosts)

    @property
    def proxies(self) -> tuple[str, ...]:
        """The addresses and networks, each alone."""
        return _listed(self.trusted_proxies)

    @field_validator("hosts")
    @classmethod
    def _are_names(cls, value: str) -> str:
        for name in _listed(value):
            if any(letter in name for letter in "/:@* "):
                raise ValueError(
                    "expected host names without scheme and port, separated by commas, such as soc.example"
                )
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _are_addresses(cls, value: str) -> str:
        for one in _listed(value):
            try:
                ipaddress.ip_network(one, strict=False)
            except ValueError:
                raise ValueError(
                    "expected IP addresses or networks, separated by commas, such as 10.0.0.5,10.1.0.0/16"
                ) from None
        return value

    @model_validator(mode="after")
    def _tls_is_whole(self) -> Self:
        if (self.tls_cert is None) != (self.tls_key is None):
            of = str(self.model_config.get("env_prefix", ""))
            raise ValueError(f"only one of {of}TLS_CERT and {of}TLS_KEY is set; set both, or neither for plain HTTP")
        return self


def _listed(value: str) -> tuple[str, ...]:
    return tuple(one.strip() for one in value.split(",") if one.strip())
