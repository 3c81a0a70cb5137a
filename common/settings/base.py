"""The base of all settings classes."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, SecretStr, field_validator

DAY_S = 86_400.0
"""Longest time that may be set: infinity, and times that no clock holds, are above it."""


class Settings(BaseModel):
    """Settings of one part, checked and frozen. A field's `description` is its help, its name ends with its unit."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)
    prefix: ClassVar[str] = ""
    """What the environment variables of this class begin with."""
    secrets: ClassVar[tuple[str, ...]] = ()
    """Settings that are sent to a server."""
    places: ClassVar[tuple[str, ...]] = ()
    """Settings that say which server gets the secrets, and how it is recognised."""

    @classmethod
    def variable(cls, name: str) -> str:
        """Environment variable of one setting."""
        return f"{cls.prefix}{name}".upper()

    @field_validator("*")
    @classmethod
    def _secrets_fit_a_header(cls, value: Any) -> Any:
        """Drop blanks and line ends around a secret: they come from the file it was copied from. Empty means unset."""
        if not isinstance(value, SecretStr):
            return value
        text = value.get_secret_value().strip()
        if not all(" " <= letter <= "~" for letter in text):
            raise ValueError(
                "the secret contains a character that cannot be in an HTTP header; use printable ASCII only"
            )
        return SecretStr(text) if text else None


def revealed(secret: SecretStr | None) -> str | None:
    """The text of a secret, if one is set."""
    return None if secret is None else secret.get_secret_value()


def listed(value: str) -> tuple[str, ...]:
    """The items of a setting that separates them with commas."""
    return tuple(one.strip() for one in value.split(",") if one.strip())
