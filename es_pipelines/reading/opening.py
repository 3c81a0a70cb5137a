"""Open a file without following a symbolic link that an untrusted user may have created.

A shipper often has more rights than the users who write its log files. With a symbolic link in their folder, they could
make it read and publish a file that they may not read. So the last part of a path must be a regular file. A folder in
the path may be a link only if root or the shipper's own user created it, because no other user can then choose its
target.

    /var/log/sensor/alpha.csv ──▶ /, var, log, sensor: each opened from the one before ──▶ alpha.csv: O_NOFOLLOW
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

MAX_LINKS = 40
"""Largest number of links in a path, as in the Linux kernel."""
FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
FOLDER = getattr(os, "O_PATH", os.O_RDONLY) | os.O_CLOEXEC | os.O_DIRECTORY | os.O_NOFOLLOW


class RefusedError(OSError):
    """The path leads to something that is not shipped. The message says what it is and what to do."""


def open_regular(path: Path, *, follow_symlinks: bool) -> int:
    """A descriptor of a regular file.

    Args:
        path: absolute.
        follow_symlinks: open whatever the path leads to.
    Raises:
        RefusedError: it is a folder, a device, a pipe, or reached through a symbolic link.
        OSError: it cannot be opened.
    """
    if follow_symlinks:
        return _opened(str(path), None, FLAGS)
    folder = _folder(path.parent)
    try:
        return _opened(path.name, folder, FLAGS | os.O_NOFOLLOW)
    finally:
        os.close(folder)


def _opened(name: str, folder: int | None, flags: int) -> int:
    """Check before opening, because opening a device may start it, and check again what was opened."""
    follow = not flags & os.O_NOFOLLOW
    _require_regular(os.stat(name, dir_fd=folder, follow_symlinks=follow))
    descriptor = os.open(name, flags, dir_fd=folder)
    try:
        _require_regular(os.fstat(descriptor))
    except RefusedError:
        os.close(descriptor)
        raise
    return descriptor


def _require_regular(status: os.stat_result) -> None:
    if stat.S_ISREG(status.st_mode):
        return
    if stat.S_ISLNK(status.st_mode):
        raise RefusedError(
            "is a symbolic link; name the file that it leads to, or add --follow-symlinks if you trust it"
        )
    if stat.S_ISDIR(status.st_mode):
        raise RefusedError("is a folder; name the files in it")
    raise RefusedError(
        "is a device, a pipe or a socket, not a regular file; send a stream on standard input instead, with - as FILE"
    )


def _folder(path: Path) -> int:
    """A descriptor of a folder, opened one name at a time."""
    waiting = list(reversed(path.parts[1:]))
    here = os.open(path.anchor, FOLDER)
    links = 0
    try:
        while waiting:
            name = waiting.pop()
            status = os.stat(name, dir_fd=here, follow_symlinks=False)
            if stat.S_ISLNK(status.st_mode):
                links += 1
                target = _trusted_target(name, here, status, links)
                waiting += reversed(target.parts[1:] if target.is_absolute() else target.parts)
                name = target.anchor or "."
            here = _entered(name, here)
    except BaseException:
        os.close(here)
        raise
    return here


def _entered(name: str, here: int) -> int:
    below = os.open(name, FOLDER, dir_fd=here)
    os.close(here)
    return below


def _trusted_target(name: str, here: int, status: os.stat_result, links: int) -> Path:
    if status.st_uid not in (0, os.geteuid()):
        raise RefusedError(
            f"is reached through the symbolic link {name!r}, which another user made; name the real folder, "
            f"or add --follow-symlinks if you trust it"
        )
    if links > MAX_LINKS:
        raise RefusedError("is reached through a loop of symbolic links; name the real folder")
    return Path(os.readlink(name, dir_fd=here))
