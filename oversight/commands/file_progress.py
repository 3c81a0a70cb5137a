"""Progress through a file of rows, on standard error: one updated line at a terminal, else a line now and then."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self

import click

from oversight.terminal import one_line, overwrite

LINE_INTERVAL_S = 5.0
WIDTH = 78


class FileProgress:
    """Shows rows, share of the file and rate. Use it as a context manager."""

    def __init__(self, name: str, size_bytes: int) -> None:
        self._name, self._size_bytes = one_line(name), max(1, size_bytes)
        self._rows = self._read_bytes = 0
        self._tty = sys.stderr.isatty()
        self._started_s = time.monotonic()
        self._next_s = self._started_s + (0.5 if self._tty else LINE_INTERVAL_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._tty:
            overwrite(" " * WIDTH)
            overwrite("")

    def bytes(self, read: int) -> None:
        """So many bytes of the file are read."""
        self._read_bytes = read

    def rows(self, more: int) -> None:
        """So many further rows are done."""
        self._rows += more
        now_s = time.monotonic()
        if now_s < self._next_s:
            return
        self._next_s = now_s + (0.2 if self._tty else LINE_INTERVAL_S)
        rate = self._rows / max(now_s - self._started_s, 0.001)
        share = min(1.0, self._read_bytes / self._size_bytes)
        text = f"{self._name}: {self._rows:,} rows, {share:.0%}, {rate:,.0f}/s"
        if self._tty:
            overwrite(f"{text[:WIDTH]:<{WIDTH}}")
        else:
            click.echo(text, err=True)
