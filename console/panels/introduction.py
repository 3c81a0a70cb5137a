"""Splits the introduction of a dashboard, written in a small part of Markdown, into pieces for a template."""

from __future__ import annotations

import re
from collections.abc import Iterator

_PIECES = re.compile(r"\*\*(?P<strong>[^*]+)\*\*|\*(?P<em>[^*]+)\*|`(?P<code>[^`]+)`")


def pieces(markdown: str) -> Iterator[tuple[str, str]]:
    """Yield pairs of an element's name (empty: none) and its text. The template escapes the text."""
    end = 0
    for match in _PIECES.finditer(markdown):
        if match.start() > end:
            yield "", markdown[end : match.start()]
        yield match.lastgroup or "", match[match.lastgroup or 0]
        end = match.end()
    if end < len(markdown):
        yield "", markdown[end:]
