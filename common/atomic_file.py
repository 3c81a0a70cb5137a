"""Write files so that a reader, a kill or a power cut meets the old content or the new one, never a part."""

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
        OSError: it cannot be written; the old file is as it was.
    """
    with draft(path, mode=mode, durable=durable) as file:
        file.write_bytes(data)


@contextlib.contextmanager
def draft(path: Path, *, mode: int = READABLE, suffix: str = "", durable: bool = True) -> Iterator[Path]:
    """A file beside `path`, readable by this user alone, that replaces it at the end of the block.

    An exception in the block deletes the draft and leaves `path` as it was.

    Args:
        mode: permissions of the finished file.
        suffix: ending of the draft's name, for libraries that choose a format by it.
        durable: whether the new content survives a power cut right after the block; without it, which saves the wait
            for the folder, a power cut may bring back the old content.

    Raises:
        OSError: it cannot be written.
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
