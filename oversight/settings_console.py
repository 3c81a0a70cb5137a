"""The settings of the console."""

from __future__ import annotations

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from oversight.settings_base import ListeningPart


class ConsoleSettings(ListeningPart):
    """The console."""

    model_config = SettingsConfigDict(env_prefix="OVERSIGHT_CONSOLE_")

    bind: str = "127.0.0.1:8602"
    """HOST:PORT to listen on."""
    token: SecretStr | None = None
    """Token that a person signs in with; needed where other machines reach the console, of 16 characters or more there."""
    refresh_s: int = Field(10, ge=2, le=3600)
    """Seconds between two refreshes of a page that is looked at."""
    threads: int = Field(8, ge=1, le=64)
    """Requests that are worked on at the same time."""
