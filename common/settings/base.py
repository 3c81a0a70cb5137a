"""The base of all settings classes."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, SecretStr, field_validator

DAY_S = 86_400.0
"""Longest time that may be set. It excludes infinity and values that no clock can represent."""


class Settings(BaseModel):
    """Settings of one part, validated and frozen. A field's `description` is its help; its name ends with its unit."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)
    prefix: ClassVar[str] = ""
    """Prefix of the environment variables of this class."""
    secrets: ClassVar[tuple[str, ...]] = ()
    """Settings that are sent to a server as credentials."""
    places: ClassVar[tuple[str, ...]] = ()
    """Settings that say which server gets the secrets, and how to recognise it."""

    @classmethod
    def variable(cls, name: str) -> str:
        """Return the environment variable of one setting."""
        return f"{cls.prefix}{name}".upper()

    @field_validator("*")
    @classmethod
    def _secrets_fit_a_header(cls, value: Any) -> Any:
        """Strip spaces and line ends around a secret: they come from the file it was in. Empty means unset."""
        if not isinstance(value, SecretStr):
            return value
        text = value.get_secret_value().strip()
        if not all(" " <= letter <= "~" for letter in text):
            raise ValueError(
                "the secret contains a character that cannot be in an HTTP header; use printable ASCII only"
            )
        return SecretStr(text) if text else None


def revealed(secret: SecretStr | None) -> str | None:
    """Return the text of a secret; None if it is not set."""
    return None if secret is None else secret.get_secret_value()


def listed(value: str) -> tuple[str, ...]:
    """Split a comma-separated setting."""
    return tuple(item.strip() for item in value.split(",") if item.strip())
