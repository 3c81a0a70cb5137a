"""Text that people will read on a terminal or in a page: what it must not hold."""

from __future__ import annotations

import unicodedata

MAX_NAME = 256
"""Characters of a name that is shown, indexed or part of a path."""

_UNSEEN = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Categories of Unicode: control characters, halves of a character, separators of lines."""
_TURNS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that change the direction in which the text behind them is shown."""


def text_problem(value: str, *, longest: int = MAX_NAME) -> str | None:
    """What is wrong with a text, as the end of a sentence; None where nothing is."""
    bad = (
        None
        if value.isprintable()
        else next((letter for letter in value if unicodedata.category(letter) in _UNSEEN or letter in _TURNS), None)
    )
    if bad is not None:
        return f"holds the control character U+{ord(bad):04X}; leave it out"
    if len(value) > longest:
        return f"has {len(value):,} characters; write {longest:,} at most"
    return None
