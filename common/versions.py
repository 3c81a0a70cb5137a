"""Parses versions so that they can be compared."""

from __future__ import annotations

from packaging.version import InvalidVersion, Version

NONE = Version("0")
"""Lower than every version."""


def version_of(text: str) -> Version:
    """Return the version in a text; `0` if there is none.

    Servers add a suffix after a dash (`8.19.0-SNAPSHOT`), which is ignored.
    """
    try:
        return Version(text.partition("-")[0])
    except InvalidVersion:
        return NONE
