"""Escapes control characters in everything that a command prints.

    click.echo, log lines, tracebacks ──▶ sys.stdout, sys.stderr ──▶ `Guarded` ──┐
    tables, colours, progress bars ─────▶ `oversight.tables.console` ────────────┴──▶ terminal, pipe or file

Labels, file names and messages of servers are not ours. An escape sequence in them could rename the terminal's window,
hide lines, or reverse a word. So each such character is written as in JSON: `\\u001b`. Text, log lines and JSON follow
the same rule, and JSON keeps its value.

Only `oversight.tables` writes escape sequences of its own, for colours.
"""

from __future__ import annotations

import contextlib
import io
import re
import sys
from collections.abc import Iterator
from typing import Any, TextIO

import click
import orjson

_UNSAFE = re.compile(
    "["
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters except tab and line end; \x9b also begins an escape sequence
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # change the direction of writing
    "\u2028\u2029\ufeff"  # other line ends, and a byte order mark inside a text
    "\ud800-\udfff"  # bytes of a file name that are not UTF-8
    "\U000e0000-\U000e007f"  # tags: invisible letters
    "]"
)
_LINE_END = str.maketrans({"\n": "\\n", "\t": "\\t"})


def visible(text: str) -> str:
    """Escape each control character; line ends and tabs stay."""
    return _UNSAFE.sub(_escape, text)


def one_line(value: object) -> str:
    """Escape a value for use in one line, including line ends and tabs."""
    return visible(str(value)).translate(_LINE_END)


def print_json(value: Any) -> None:
    """Print a value as indented JSON."""
    click.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z))


def print_result(value: Any, text: str, *, as_json: bool) -> None:
    """Print the result of a command, as JSON or as text."""
    if as_json:
        print_json(value)
    else:
        click.echo(text)


@contextlib.contextmanager
def guarded() -> Iterator[None]:
    """Send everything that this process prints through `Guarded`, until the end of the block."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = Guarded(sys.stdout), Guarded(sys.stderr)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


class Guarded(io.TextIOBase):
    """A text stream that escapes control characters. Its `buffer` does the same with UTF-8."""

    def __init__(self, raw: TextIO) -> None:
        self.below = raw
        self.buffer = _GuardedBytes(raw)

    def write(self, text: str) -> int:
        """Write the escaped text. Return the length of the given text."""
        self.below.write(visible(text))
        return len(text)

    def flush(self) -> None:
        """Flush the wrapped stream."""
        self.below.flush()

    def close(self) -> None:
        """Do nothing: the wrapped stream belongs to the process."""

    def isatty(self) -> bool:
        """Whether the wrapped stream is a terminal."""
        return self.below.isatty()

    def fileno(self) -> int:
        """Return the file descriptor of the wrapped stream."""
        return self.below.fileno()

    def writable(self) -> bool:
        """Always true."""
        return True

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """Encoding of the wrapped stream."""
        return self.below.encoding

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        """Error handling of the wrapped stream."""
        return self.below.errors


class _GuardedBytes(io.RawIOBase):
    """Takes UTF-8 bytes for a stream, such as JSON, one whole text at a time."""

    def __init__(self, raw: TextIO) -> None:
        self._raw = raw

    def write(self, data: Any) -> int:
        """Write the escaped text of these bytes."""
        self._raw.write(visible(bytes(data).decode("utf-8", "surrogateescape")))
        return len(data)

    def flush(self) -> None:
        self._raw.flush()

    def writable(self) -> bool:
        return True


def raw(stream: TextIO) -> TextIO:
    """Return the wrapped stream, for code that writes its own escape sequences."""
    below: TextIO = getattr(stream, "below", stream)
    return below


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x10000:
        return f"\\u{code:04x}"
    return f"\\u{0xD7C0 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"
