"""Check text that people will read on a terminal or a page."""

from __future__ import annotations

import unicodedata

MAX_NAME = 256
"""Largest number of characters of a name that is shown, indexed or part of a path."""

_INVISIBLE = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Unicode categories: control characters, surrogates, line and paragraph separators."""
_BIDI_CONTROLS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that change the direction of the following text."""


def text_problem(value: str, *, longest: int = MAX_NAME) -> str | None:
    """What is wrong with a text, as the end of a sentence; None if nothing is."""
    bad = (
        None
        if value.isprintable()
        else next(
            (letter for letter in value if unicodedata.category(letter) in _INVISIBLE or letter in _BIDI_CONTROLS), None
        )
    )
    if bad is not None:
        return f"holds the control character U+{ord(bad):04X}; leave it out"
    if len(value) > longest:
        return f"has {len(value):,} characters; write {longest:,} at most"
    return None
