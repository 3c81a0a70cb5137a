"""An open file whose lines are read. It stays the same file even if its path later leads to another one.

path ──▶ opening ──▶ descriptor ──▶ bytes, unpacked if it is gzip ──▶ shape ──▶ Lines | Elements
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Self

from contract.errors import UnreadableFileError
from es_pipelines.reading.json_array import Elements
from es_pipelines.reading.lines import Line, Lines, split
from es_pipelines.reading.opening import RefusedError, open_regular
from es_pipelines.reading.packed import GZIP, Gzip
from es_pipelines.reading.shape import SNIFFED_BYTES, Shape, shape_of
from es_pipelines.ship.events import path_text

PACKED_SUFFIX = ".gz"


class OpenFile:
    """A regular file, open for reading.

    Args:
        path: as the user typed it.
        follow_symlinks: whether symbolic links in the path are followed.
    Raises:
        UnreadableFileError: it cannot be read, or is no regular file. All methods that read can raise it too.
    """

    def __init__(self, path: Path, *, follow_symlinks: bool = False) -> None:
        self._typed, self._follow_symlinks = path_text(path), follow_symlinks
        self.path = Path(os.path.abspath(path))  # noqa: PTH100  a link keeps its own name
        self.path_text = path_text(self.path)
        with self._named():
            self.descriptor = open_regular(self.path, follow_symlinks=follow_symlinks)
        try:
            with self._named():
                status = os.fstat(self.descriptor)
                self.device, self.inode = status.st_dev, status.st_ino
                self.packed = os.pread(self.descriptor, len(GZIP), 0) == GZIP
        except UnreadableFileError:
            self.close()
            raise
        self._pread = Gzip(self.descriptor).pread if self.packed else partial(os.pread, self.descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        os.close(self.descriptor)

    @property
    def name(self) -> str:
        """The name that identifies the file's lines: the name of the unpacked file."""
        return path_text(self.path.name.removesuffix(PACKED_SUFFIX) if self.packed else self.path.name)

    @property
    def size(self) -> int:
        """Current size on disk, in bytes."""
        return os.fstat(self.descriptor).st_size

    @property
    def length(self) -> int:
        """Current length of the text, in bytes; 0 for a packed file, whose length is unknown before it is unpacked."""
        return 0 if self.packed else self.size

    @property
    def is_empty(self) -> bool:
        """Whether it has no text. Files that the kernel makes up during reading (`/proc`) have size 0, but text."""
        return not self.pread(1, 0)

    @property
    def key(self) -> tuple[int, int]:
        """Device and inode, which identify the file."""
        return self.device, self.inode

    @property
    def has_a_name(self) -> bool:
        """Whether a path still leads to it: it was perhaps renamed, but not replaced or deleted."""
        return os.fstat(self.descriptor).st_nlink > 0

    def require_growing(self) -> None:
        """Refuse to follow a packed file, because each look would unpack it from its start.

        Raises:
            UnreadableFileError: it is packed.
        """
        if self.packed:
            raise UnreadableFileError(
                f"{self._typed} is compressed with gzip and is not followed; ship it without --follow"
            )

    def is_still_at_its_path(self) -> bool:
        """Whether the path still leads to this file."""
        try:
            status = self.path.stat(follow_symlinks=self._follow_symlinks)
        except OSError:
            return False
        return (status.st_dev, status.st_ino) == self.key

    def pread(self, count: int, offset: int) -> bytes:
        """Bytes of the text from an offset; fewer only at the end."""
        with self._named():
            return self._pread(count, offset)

    def shape(self) -> Shape:
        """The shape of the file: how it holds its events.

        Raises:
            UnreadableFileError: it has no lines of text.
        """
        return shape_of(self.pread(SNIFFED_BYTES, 0), self._typed)

    def lines(
        self, offset: int, *, complete: bool, end: int = sys.maxsize, skip_too_long: bool = False
    ) -> Iterator[Line]:
        """The lines from an offset; errors name the file.

        Args:
            offset: where a line begins, or an element of an array ended.
            complete: a last line without a line end counts; otherwise it waits for the rest.
            end: read as if the file ended here.
            skip_too_long: as of `Lines`.
        """
        is_array = self.shape() is Shape.ARRAY
        splitter = Elements(offset) if is_array else Lines(offset, skip_too_long=skip_too_long)
        whole = complete and not (is_array and end < sys.maxsize)
        try:
            yield from split(self._read_at(offset, end), splitter, complete=whole)
        except UnreadableFileError as error:
            raise self.named(error) from None

    def named(self, error: UnreadableFileError) -> UnreadableFileError:
        """The error with the file's name in front."""
        return error if str(error).startswith(self._typed) else UnreadableFileError(f"{self._typed}: {error}")

    def other(self, path: Path) -> OpenFile:
        """Open another file with the same options."""
        return OpenFile(path, follow_symlinks=self._follow_symlinks)

    def _read_at(self, offset: int, end: int) -> Callable[[int], bytes]:
        position = offset

        def read(count: int) -> bytes:
            nonlocal position
            chunk = self.pread(min(count, end - position), position)
            position += len(chunk)
            return chunk

        return read

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Turn any error of the file into one line that names it."""
        try:
            yield
        except RefusedError as error:
            raise UnreadableFileError(f"{self._typed} {error}") from None
        except OSError as error:
            raise UnreadableFileError(f"{self._typed} cannot be read: {_what_to_do(error)}") from None


def _what_to_do(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such file; check the name"
    if isinstance(error, NotADirectoryError):
        return "a part of its path is not a folder; check the name"
    if isinstance(error, PermissionError):
        return "permission denied; give your user read permission"
    return f"{error.strerror}; is it a file of log lines?"


@dataclass(frozen=True)
class Checked:
    """The result of checking all named files."""

    paths: list[Path] = field(default_factory=list)
    """Files that can be read, each once."""
    problems: dict[Path, UnreadableFileError] = field(default_factory=dict)


def check(paths: Sequence[Path], *, follow_symlinks: bool = False, growing: bool = False) -> Checked:
    """Check all files before the first is shipped: can each be read, and is it text?

    Args:
        paths: as the user typed them.
        follow_symlinks: whether symbolic links in a path are followed.
        growing: the files are followed while they are written.
    """
    readable: dict[tuple[int, int], Path] = {}
    problems: dict[Path, UnreadableFileError] = {}
    for path in paths:
        try:
            with OpenFile(path, follow_symlinks=follow_symlinks) as file:
                file.shape()
                if growing:
                    file.require_growing()
                readable.setdefault(file.key, path)
        except UnreadableFileError as error:
            problems[path] = error
    return Checked(list(readable.values()), problems)
