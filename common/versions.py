"""Versions as texts name them, in an order that can be compared."""

from __future__ import annotations

from packaging.version import InvalidVersion, Version

NONE = Version("0")
"""Older than every version."""


def version_of(text: str) -> Version:
    """The version that a text names; `0` where it names none.

    Servers add words of their own after a dash (`8.19.0-SNAPSHOT`): they do not count.
    """
    try:
        return Version(text.partition("-")[0])
    except InvalidVersion:
        return NONE
