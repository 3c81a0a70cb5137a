"""The introduction of a dashboard, which is Markdown of our own: words, **bold**, *italic* and `code`, as pieces for a
template.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_PIECES = re.compile(r"\*\*(?P<strong>[^*]+)\*\*|\*(?P<em>[^*]+)\*|`(?P<code>[^`]+)`")


def pieces(markdown: str) -> Iterator[tuple[str, str]]:
    """Pairs of an element's name (empty: none) and its text; the template escapes the text."""
    end = 0
    for found in _PIECES.finditer(markdown):
        if found.start() > end:
            yield "", markdown[end : found.start()]
        yield found.lastgroup or "", found[found.lastgroup or 0]
        end = found.end()
    if end < len(markdown):
        yield "", markdown[end:]
