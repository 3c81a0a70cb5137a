"""Values of documents as text that cannot deceive: what is shown of them, wherever it is shown.

"\u202egpj.exe\n" ──▶ "\\u202egpj.exe\\n"        marks that turn or hide text are spelled out, long values are cut
"""

from __future__ import annotations

import json
import unicodedata
from typing import Any

LONGEST = 120
"""Characters of a value on an axis, in a legend or a cell."""
TAIL = 12
"""Of these the last ones of the value, so that two long values stay apart."""
EMPTY = "(empty)"
_HIDDEN = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Unicode categories of control marks, of marks that turn the direction of text, of half surrogates and of line ends.
"""


def visible(value: str) -> str:
    """The text with every mark that a reader would not see spelled as `\\uXXXX`, and line ends as `\\n`."""
    if value.isascii() and value.isprintable():
        return value
    return "".join(_letter(letter) for letter in value)


def _letter(letter: str) -> str:
    if unicodedata.category(letter) not in _HIDDEN:
        return letter
    short = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(letter)
    number = ord(letter)
    return short or (f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}")


def label(value: Any) -> str:
    """A value as a short label, never empty."""
    text = visible(value[: LONGEST * 20] if isinstance(value, str) else plain(value)) or EMPTY
    return text if len(text) <= LONGEST else f"{text[: LONGEST - TAIL - 1]}…{text[-TAIL:]}"


def plain(value: Any) -> str:
    """A value that is no text, as JSON has it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)


def moment(value: Any) -> int | str | None:
    """A date as a document has it, milliseconds or text; None where it is neither."""
    if isinstance(value, str):
        return visible(value[:LONGEST])
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53 else None


def json_text(value: Any, *, indent: int | None = None) -> str:
    """JSON of any value that a document can hold, whole numbers beyond 64 bits and half surrogates among them."""
    return json.dumps(value, ensure_ascii=False, indent=indent, default=str)
