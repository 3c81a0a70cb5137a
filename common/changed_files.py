"""Keep the parsed content of files, and read them again when they change.

files ──▶ changed? ──▶ read() ──▶ the new content, or: SettingsError ──▶ one error in the log, the old content stays
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from contract.errors import SettingsError

T = TypeVar("T")

LOOK_EVERY_S = 1.0
"""Seconds between two checks of the same files."""


class ChangedFiles(Generic[T]):
    """The content of files. Threads share it.

    Args:
        paths: the files.
        read: reads and parses them.
        log_change: logs that new content is in use.
        log_error: logs that the new content is invalid.
        look_every_s: seconds between two checks.
    Raises:
        SettingsError: the content is invalid at the start.
    """

    def __init__(
        self,
        paths: Sequence[Path | None],
        read: Callable[[], T],
        *,
        log_change: Callable[[T], None],
        log_error: Callable[[SettingsError, T], None],
        look_every_s: float = LOOK_EVERY_S,
    ) -> None:
        self._paths, self._read, self._look_every_s = paths, read, look_every_s
        self._log_change, self._log_error = log_change, log_error
        self._lock = threading.Lock()
        self.next_look_s = time.monotonic() + look_every_s
        self._state = self._current_state()
        self._content = read()

    def content(self) -> T:
        """Return the current content. One thread reads; the others use the old content meanwhile."""
        if time.monotonic() >= self.next_look_s and self._lock.acquire(blocking=False):
            try:
                self._look()
            finally:
                self._lock.release()
        return self._content

    def _look(self) -> None:
        self.next_look_s = time.monotonic() + self._look_every_s
        state = self._current_state()
        if state == self._state:
            return
        self._state = state
        try:
            self._content = self._read()
        except SettingsError as error:
            self._log_error(error, self._content)
        else:
            self._log_change(self._content)

    def _current_state(self) -> list[tuple[int, int, int] | None]:
        return [None if path is None else file_state(path) for path in self._paths]


def file_state(path: Path) -> tuple[int, int, int] | None:
    """Return values that change when a file is written or replaced; None if there is no file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
