"""The settings of the console."""

from __future__ import annotations

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from oversight.config.settings_base import ListeningPart


class ConsoleSettings(ListeningPart):
    """The console."""

    model_config = SettingsConfigDict(env_prefix="OVERSIGHT_CONSOLE_")

    bind: str = "127.0.0.1:8602"
    """HOST:PORT to listen on."""
    token: SecretStr | None = None
    """Token for signing in; required, with at least 16 characters, if other machines can reach the console."""
    refresh_s: int = Field(10, ge=2, le=3600)
    """Seconds between two refreshes of an open page."""
    threads: int = Field(8, ge=1, le=64)
    """Requests handled at the same time."""
