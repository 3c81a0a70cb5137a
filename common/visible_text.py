"""Escape the characters of a text that hide it or turn it round.

"\\u202egpj.exe\\n" ──▶ "\\\\u202egpj.exe\\\\n"
"""

from __future__ import annotations

import unicodedata

_HIDDEN = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Unicode categories: control characters, text direction marks, half surrogates, line ends."""


def visible(value: str) -> str:
    """Escape every invisible character as `\\uXXXX`, and line ends as `\\n`."""
    if value.isascii() and value.isprintable():
        return value
    return "".join(_letter(letter) for letter in value)


def _letter(letter: str) -> str:
    if unicodedata.category(letter) not in _HIDDEN:
        return letter
    short = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(letter)
    number = ord(letter)
    return short or (f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}")
