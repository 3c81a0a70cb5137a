"""An API key as text: in the file that `oversight provision --keys` writes, and in the form that clients send."""

from __future__ import annotations

import base64
import binascii
from pathlib import Path

VARIABLE = "ELASTICSEARCH_API_KEY"


def read_key(path: Path) -> str | None:
    """The key in a file: one written by `write_keys`, or a file with only the key; None if there is none.

    Raises:
        OSError: the file cannot be read.
    """
    lines = [line.strip() for line in path.read_text(encoding="utf-8", errors="replace").splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    named = [line.removeprefix(f"{VARIABLE}=") for line in lines if line.startswith(f"{VARIABLE}=")]
    bare = [line for line in lines if id_of(line) is not None] if len(lines) == 1 else []
    return next((key for key in [*named, *bare] if key), None)


def id_of(encoded: str) -> str | None:
    """The id inside an encoded key; None if the text is no key."""
    try:
        name, colon, secret = base64.b64decode(encoded, validate=True).decode("ascii").partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return name if colon and name and secret else None
