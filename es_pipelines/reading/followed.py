"""Follow files while they are written, through every rotation.

each poll:   the path leads to the same file ──▶ its new whole lines are due
             the path leads to another file  ──▶ the old one retires: it is due until it is quiet for a while,
                                                 then its last line counts even without a line end
             the path leads nowhere          ──▶ wait, a rotation is in progress
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from contract.errors import UnreadableFileError
from es_pipelines.reading.open_file import OpenFile

log = logging.getLogger(__name__)

QUIET_S = 10.0
"""A writer can continue a renamed file until it reopens it. After this long without a new byte, the file is done."""


@dataclass(slots=True)
class Due:
    """A file that may have something new to read."""

    file: OpenFile
    is_first: bool = False
    """The first file at its path since the start."""
    is_done: bool = False
    """Nothing more will come: its last line counts even without a line end."""
    error: UnreadableFileError | None = None
    """Set by the reader if the file cannot be read."""


@dataclass(slots=True)
class Retired:
    """A file that was rotated away."""

    file: OpenFile
    size: int
    quiet_since: float


class FollowedFiles:
    """The files at some paths, kept open so that a rotation loses nothing.

    Args:
        paths: as the user typed them.
        quiet_s: see `QUIET_S`.
        follow_symlinks: whether symbolic links in a path are followed.
        held: is kept up to date: the keys of files that were rotated away and still exist, under any path.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        *,
        quiet_s: float = QUIET_S,
        follow_symlinks: bool = False,
        held: set[tuple[int, int]] | None = None,
    ) -> None:
        self._quiet_s, self._follow_symlinks = quiet_s, follow_symlinks
        self._open: dict[Path, OpenFile | None] = dict.fromkeys(paths)
        self._retired: list[Retired] = []
        self._held = set() if held is None else held
        self.problems: dict[Path, UnreadableFileError] = {}
        """Why a file cannot be read at the moment."""

    def poll(self) -> Iterator[Due]:
        """The files to read now. Read each before you take the next one, and set its `error` if that fails."""
        for path in list(self._open):
            yield from self._poll_path(path)
        for retired in self._retired.copy():
            yield from self._poll_retired(retired)

    def close(self) -> None:
        """Close all files."""
        for file in (*self._open.values(), *(retired.file for retired in self._retired)):
            if file is not None:
                file.close()

    def _poll_path(self, path: Path) -> Iterator[Due]:
        """Report an unreadable file once, and try it again at each poll. The other files are followed meanwhile.

        A rotation may set a new file's owner and mode a moment later.
        """
        try:
            due = self._current(path)
        except UnreadableFileError as error:
            self._failed(path, error)
            return
        if due is None:
            return
        yield due
        if due.error is not None:
            self._failed(path, due.error)
        else:
            self.problems.pop(path, None)

    def _failed(self, path: Path, error: UnreadableFileError) -> None:
        if str(self.problems.get(path)) != str(error):
            log.warning("%s; trying it again, the other files are still followed", error)
        self.problems[path] = error
        file, self._open[path] = self._open[path], None
        if file is not None:
            file.close()

    def _current(self, path: Path) -> Due | None:
        """The file that the path now leads to; None during a rotation."""
        file = self._open[path]
        if file is not None and file.is_still_at_its_path():
            return Due(file)
        is_first = file is None
        if file is not None:
            self._retired.append(Retired(file, file.size, time.monotonic()))
            self._open[path] = None
            if file.has_a_name:
                self._held.add(file.key)
        try:
            self._open[path] = file = OpenFile(path, follow_symlinks=self._follow_symlinks)
        except UnreadableFileError:
            if path.exists() or path.is_symlink():
                raise
            return None
        file.require_growing()
        return Due(file, is_first=is_first)

    def _poll_retired(self, retired: Retired) -> Iterator[Due]:
        now, size = time.monotonic(), retired.file.size
        if size != retired.size:
            retired.size, retired.quiet_since = size, now
        due = Due(retired.file, is_done=now - retired.quiet_since >= self._quiet_s)
        yield due
        if due.error is not None:
            log.warning("%s; the rest of the rotated file is not read", due.error)
        if due.is_done or due.error is not None:
            retired.file.close()
            self._held.discard(retired.file.key)
            self._retired.remove(retired)
