"""The one way out: everything that a command prints leaves through here, and control characters become visible.

    click.echo, log lines, tracebacks ──▶ sys.stdout, sys.stderr ──▶ `Guarded` ──┐
    tables, colours, progress bars    ──▶ `oversight.tables.console` ────────────────┴──▶ terminal, pipe or file

Labels, file names and messages of servers come from others. An escape sequence in one could rename the terminal's
window, hide lines, or let a word read backwards. Here such a character is written as JSON writes it: `\\u001b`. So
text, log lines and JSON follow one rule, and JSON stays JSON with the same value.

Only `oversight.tables` writes escape sequences of its own, for colours.
"""

from __future__ import annotations

import contextlib
import io
import re
import sys
from collections.abc import Iterator
from typing import Any, TextIO

_UNSAFE = re.compile(
    "["
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters but tab and line end; \x9b begins an escape sequence, too
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # change the direction of writing
    "\u2028\u2029\ufeff"  # line ends of another kind, and a mark of byte order in the middle of a text
    "\ud800-\udfff"  # bytes of a file name that are not UTF-8
    "\U000e0000-\U000e007f"  # tags: letters that nobody sees
    "]"
)
_LINE_END = str.maketrans({"\n": "\\n", "\t": "\\t"})


def visible(text: str) -> str:
    """The text with each control character written out; line ends and tabs stay."""
    return _UNSAFE.sub(_escape, text)


def one_line(value: object) -> str:
    """A value of somebody else's as a part of one line: line ends and tabs are written out, too."""
    return visible(str(value)).translate(_LINE_END)


def overwrite(text: str) -> None:
    """Write over the current line of a terminal, on standard error."""
    stream = raw(sys.stderr)
    stream.write(f"\r{one_line(text)}")
    stream.flush()


@contextlib.contextmanager
def guarded() -> Iterator[None]:
    """Let everything that this process prints pass through `Guarded`, until the end of the block."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = Guarded(sys.stdout), Guarded(sys.stderr)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


class Guarded(io.TextIOBase):
    """A text stream that makes control characters visible, and its `buffer` does the same with UTF-8."""

    def __init__(self, raw: TextIO) -> None:
        self.below = raw
        self.buffer = _GuardedBytes(raw)

    def write(self, text: str) -> int:
        """Write the text made visible; returns the length of the text that was given."""
        self.below.write(visible(text))
        return len(text)

    def flush(self) -> None:
        """Flush the stream below."""
        self.below.flush()

    def close(self) -> None:
        """Stay open: the stream below belongs to the process."""

    def isatty(self) -> bool:
        """Whether the stream below is a terminal."""
        return self.below.isatty()

    def fileno(self) -> int:
        """The descriptor of the stream below."""
        return self.below.fileno()

    def writable(self) -> bool:
        """Always."""
        return True

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """Of the stream below."""
        return self.below.encoding

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        """Of the stream below."""
        return self.below.errors


class _GuardedBytes(io.RawIOBase):
    """What writes bytes of UTF-8 to a stream, such as JSON, one whole text at a time."""

    def __init__(self, raw: TextIO) -> None:
        self._raw = raw

    def write(self, data: Any) -> int:
        """Write the text of these bytes made visible."""
        self._raw.write(visible(bytes(data).decode("utf-8", "surrogateescape")))
        return len(data)

    def flush(self) -> None:
        self._raw.flush()

    def writable(self) -> bool:
        return True


def raw(stream: TextIO) -> TextIO:
    """The stream below, for what writes escape sequences of its own."""
    below: TextIO = getattr(stream, "below", stream)
    return below


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code < 0x10000:
        return f"\\u{code:04x}"
    return f"\\u{0xD7C0 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"
