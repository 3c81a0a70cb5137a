"""Atomic file writes: after a crash or power cut the file has the old content or the new, never a part."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

READABLE = 0o644
PRIVATE = 0o600


def write(path: Path, data: bytes, *, mode: int = READABLE, durable: bool = True) -> None:
    """Replace the content of a file, or create it and its folder.

    Raises:
        OSError: the file cannot be written; the old file is unchanged.
    """
    with draft(path, mode=mode, durable=durable) as file:
        file.write_bytes(data)


@contextlib.contextmanager
def draft(path: Path, *, mode: int = READABLE, suffix: str = "", durable: bool = True) -> Iterator[Path]:
    """Create a private file beside `path` and rename it to `path` at the end of the block.

    An exception in the block deletes the draft and leaves `path` unchanged.

    Args:
        mode: permissions of the finished file.
        suffix: ending of the draft's name, for libraries that choose a format by it.
        durable: wait until the rename is on disk too. Without it, a power cut may bring back the old content.
    Raises:
        OSError: the file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=suffix)
    os.close(handle)
    try:
        yield Path(name)
        _to_disk(name)
        Path(name).chmod(mode)
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)
    if durable:
        _to_disk(path.parent)


def _to_disk(path: str | Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
