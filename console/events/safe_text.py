"""Turn values of documents into text that cannot deceive the reader.

"\u202egpj.exe\n" ──▶ "\\u202egpj.exe\\n"        characters that turn or hide text are escaped, long values are cut
"""

from __future__ import annotations

import json
from typing import Any

from common.visible_text import visible as visible  # the name belongs to this module too

LONGEST = 120
"""Most characters of a value on an axis, in a legend or in a cell."""
TAIL = 12
"""How many of these come from the end of the value, so that two long values differ."""
EMPTY = "(empty)"


def label(value: Any) -> str:
    """Return a value as a short label, never empty."""
    text = visible(value[: LONGEST * 20] if isinstance(value, str) else plain(value)) or EMPTY
    return text if len(text) <= LONGEST else f"{text[: LONGEST - TAIL - 1]}…{text[-TAIL:]}"


def plain(value: Any) -> str:
    """Return a value that is no string as JSON would write it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)


def moment(value: Any) -> int | str | None:
    """Return a date of a document, in milliseconds or as text; None if it is neither."""
    if isinstance(value, str):
        return visible(value[:LONGEST])
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53 else None


def json_text(value: Any, *, indent: int | None = None) -> str:
    """Return any value of a document as JSON, including integers above 64 bits and half surrogates."""
    return json.dumps(value, ensure_ascii=False, indent=indent, default=str)
