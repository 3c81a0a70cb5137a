"""Splits the introduction of a dashboard, written in a small part of Markdown, into pieces for a template."""

from __future__ import annotations

import re
from collections.abc import Iterator

_PIECES = re.compile(r"\*\*(?P<strong>[^*]+)\*\*|\*(?P<em>[^*]+)\*|`(?P<code>[^`]+)`|(?P<text>[^*`]+|[*`])")


def pieces(markdown: str) -> Iterator[tuple[str, str]]:
    """Yield pairs of an element's name (`text`: none) and its text. The template escapes the text."""
    for match in _PIECES.finditer(markdown):
        name = match.lastgroup or "text"
        yield name, match[name]
