"""The settings of the console."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from oversight.settings_base import Part


class ConsoleSettings(Part):
    """The console."""

    model_config = SettingsConfigDict(env_prefix="OVERSIGHT_CONSOLE_")

    bind: str = "127.0.0.1:8602"
    """HOST:PORT to listen on."""
    token: SecretStr | None = None
    """Token that a person signs in with; needed where other machines reach the console."""
    allow_no_token: bool = False
    """Listen on an address that other machines reach although no token is set."""
    hosts: str = ""
    """Names by which browsers call the console, with commas between them, where that is not this machine's own: `soc.example`."""
    refresh_s: int = Field(10, ge=2, le=3600)
    """Seconds between two refreshes of a page that is looked at."""
    threads: int = Field(8, ge=1, le=64)
    """Requests that are worked on at the same time."""
    tls_cert: Path | None = None
    """PEM file of the certificate; with it the console speaks HTTPS."""
    tls_key: Path | None = None
    """PEM file of the certificate's key."""

    @property
    def host_names(self) -> tuple[str, ...]:
        """The names, each alone."""
        return tuple(name.strip() for name in self.hosts.split(",") if name.strip())

    @field_validator("hosts")
    @classmethod
    def _are_names(cls, value: str) -> str:
        for name in value.split(","):
            if any(letter in name.strip() for letter in "/:@* "):
                raise ValueError("expected names of this machine without scheme and port, such as soc.example")
        return value

    @field_validator("tls_cert", "tls_key")
    @classmethod
    def _can_be_read(cls, value: Path | None) -> Path | None:
        if value is not None and not value.is_file():
            raise ValueError("there is no such file; name a PEM file")
        return value

    @model_validator(mode="after")
    def _tls_is_whole(self) -> Self:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError(
                "OVERSIGHT_CONSOLE_TLS_CERT and OVERSIGHT_CONSOLE_TLS_KEY belong together: set both, or none for plain HTTP"
            )
        return self
