"""The files that are shipped: can they be read, which file is which, how far has each come.

path ──▶ check ──▶ OpenFile ──▶ place ──▶ Entry + offset
                                  │
   known inode, same first and last bytes: go on, also where it was renamed
   known inode, other bytes or shorter (copytruncate), or another inode at the path (rotation): next generation
   nothing known: the stream is asked under which generation it has the file's first lines
"""

from __future__ import annotations

import dataclasses
import os
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Self

from contract.errors import InputError
from es_pipelines.lines import Line, read_lines, skip_line_end
from es_pipelines.registry import Entry, Fingerprint, Registry
from es_pipelines.ship_events import Event, Identity, checksum, shown

NOT_TEXT = {
    b"\x1f\x8b": "compressed with gzip; unpack it with gunzip",
    b"PK\x03\x04": "a zip archive; unpack it",
    b"\x28\xb5\x2f\xfd": "compressed with zstd; unpack it with unzstd",
    b"\xff\xfe": "UTF-16 text; convert it, for example with iconv -f UTF-16 -t UTF-8",
    b"\xfe\xff": "UTF-16 text; convert it, for example with iconv -f UTF-16 -t UTF-8",
    b"\xd4\xc3\xb2\xa1": "a packet capture; make connection records of it first",
    b"\x0a\x0d\x0d\x0a": "a packet capture; make connection records of it first",
}
"""First bytes of what people take for a log file, and what to do with it."""


SAME_LINES = 8
"""So many distinct lines must be the same before content proves anything elsewhere than at the old path.

Floods of one line are common in this traffic."""


class OpenFile:
    """A file while its lines are read; it stays the same file where the path is given to another."""

    def __init__(self, path: Path) -> None:
        self.path = Path(os.path.abspath(path))  # noqa: PTH100  a link keeps its own name
        self.shown = shown(self.path)
        try:
            self.descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as error:
            raise InputError(f"{shown(path)} cannot be read: {_what_to_do(error)}") from None
        status = os.fstat(self.descriptor)
        self.device, self.inode = status.st_dev, status.st_ino

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        os.close(self.descriptor)

    @property
    def size(self) -> int:
        """Length by now, in bytes."""
        return os.fstat(self.descriptor).st_size

    @property
    def key(self) -> tuple[int, int]:
        """What tells two files apart."""
        return self.device, self.inode

    @property
    def has_a_name(self) -> bool:
        """Whether some path leads to it: it was renamed, not replaced or deleted."""
        return os.fstat(self.descriptor).st_nlink > 0

    def is_still_at_its_path(self) -> bool:
        """Whether the path leads to this very file."""
        try:
            status = self.path.stat()
        except OSError:
            return False
        return (status.st_dev, status.st_ino) == self.key

    def read_at(self, offset: int, end: int = sys.maxsize) -> Callable[[int], bytes]:
        """A `read` that begins at an offset and stops at another."""
        position = offset

        def read(count: int) -> bytes:
            nonlocal position
            chunk = os.pread(self.descriptor, min(count, end - position), position)
            position += len(chunk)
            return chunk

        return read

    def lines(self, offset: int, *, complete: bool) -> Iterator[Line]:
        """Its lines from an offset on; errors name the file."""
        try:
            yield from read_lines(self.read_at(offset), offset, complete=complete)
        except InputError as error:
            raise InputError(f"{self.shown}: {error}") from None


def check(paths: Sequence[Path]) -> list[Path]:
    """The files to ship, each once; all of them are looked at before the first is shipped.

    Raises:
        InputError: one is missing, a folder, unreadable or no text; names it and says what to do.
    """
    found: dict[tuple[int, int], Path] = {}
    for path in paths:
        with OpenFile(path) as file:
            kind = os.fstat(file.descriptor).st_mode
            if stat.S_ISDIR(kind):
                raise InputError(f"{shown(path)} is a folder; name the files in it, for example {shown(path)}/*.csv")
            if not stat.S_ISREG(kind):
                raise InputError(f"{shown(path)} is no regular file; write the events to a file and ship that")
            start = os.pread(file.descriptor, 4, 0)
            for magic, advice in NOT_TEXT.items():
                if start.startswith(magic):
                    raise InputError(f"{shown(path)} is {advice}, then ship the lines")
            found.setdefault(file.key, path)
    return list(found.values())


def place(
    registry: Registry,
    file: OpenFile,
    observer: str | None,
    *,
    is_alive: Callable[[Entry], bool],
    next_generation: Callable[[str, str], int],
) -> tuple[Entry, bool]:
    """The registry's entry of a file, made where there is none.

    Args:
        registry: is changed, not saved.
        file: the open file.
        observer: the name given by the user; None: the stem of the file's name.
        is_alive: whether the file of another entry still exists; where it does, this one is no moved copy of it.
        next_generation: asked for a file that the registry does not know, with observer and name.
    Returns:
        the entry, and whether it was known before.
    """
    entry = registry.of_inode(file.device, file.inode, file.shown, observer)
    if entry is not None and Fingerprint.fits(file.descriptor, entry):
        here = dataclasses.replace(entry.moved(file.shown), device=file.device)
        return registry.replace(entry, here), True
    if entry is not None:
        registry.retire(entry)
    name = shown(file.path.name)
    whose = observer or Path(name).stem
    for other in registry.like(file.shown, whose, name):
        saved_anew = other.path == file.shown and not was_rotated(file, registry)
        if not is_alive(other) and has_content_of(file, other, distinct_lines=0 if saved_anew else SAME_LINES):
            here = dataclasses.replace(other.moved(file.shown), device=file.device, inode=file.inode)
            return registry.replace(other, here), True
    generation = next_generation(whose, name)
    made = Entry(file.device, file.inode, file.shown, whose, name, generation, observer_given=observer is not None)
    return registry.replace(None, made), False


def has_content_of(file: OpenFile, entry: Entry, *, distinct_lines: int) -> bool:
    """Whether a file begins with all the lines that were acknowledged of another, so many distinct ones at least."""
    if file.size < entry.offset:
        return False
    identity, total = identity_of(entry, None), 0
    distinct: set[bytes] = set()
    for line in read_lines(file.read_at(0, entry.offset)):
        total = checksum([identity.id_of(line)], total)
        if len(distinct) < distinct_lines:
            distinct.add(line.content)
    return len(distinct) >= distinct_lines and total == entry.checksum


def start_of(file: OpenFile, entry: Entry) -> int:
    """Offset of the next line to ship; an unterminated line that was continued since is read again, whole."""
    if entry.open_line < 0:
        return entry.offset
    skipped = skip_line_end(os.pread(file.descriptor, 2, entry.offset))
    return entry.open_line if skipped is None else entry.offset + skipped


def advanced(file: OpenFile, entry: Entry, batch: Sequence[Event], events: int) -> Entry:
    """The entry after a batch is acknowledged, `events` of it no header lines."""
    last = batch[-1].line
    return dataclasses.replace(
        entry,
        offset=last.end,
        open_line=-1 if last.terminated else last.offset,
        head=Fingerprint.head(file.descriptor, last.end),
        tail=Fingerprint.tail(file.descriptor, last.end),
        checksum=checksum((event.id for event in batch), entry.checksum),
        events=entry.events + events,
    )


def identity_of(entry: Entry, user: str | None, host: str = "") -> Identity:
    """What the lines of a file have in common."""
    whose = user or Path(entry.name).stem
    return Identity(entry.observer, whose, entry.name, entry.path, entry.generation, host, entry.earlier)


def renamed(file: OpenFile, registry: Registry, observer: str | None) -> OpenFile | None:
    """The file that was at this path before, where it was renamed within its folder and is still the one we know."""
    before = registry.last_at(file.shown, observer)
    if before is None or (before.device, before.inode) == file.key:
        return None
    for path in beside(before):
        other = OpenFile(path)
        if Fingerprint.fits(other.descriptor, before):
            return other
        other.close()
    return None


def was_rotated(file: OpenFile, registry: Registry) -> bool:
    """Whether a rotation may have put a file there, packed perhaps: `name.*` or `name-*` came since the last run."""
    return any(status.st_ctime_ns >= registry.saved_ns for _, status in _siblings(file))


def missed(file: OpenFile, registry: Registry) -> list[Path]:
    """Files `name.*` or `name-*` that were written since the last run and are not known, the oldest first.

    Several rotations between two runs leave such files: what is in them was never shipped from this path.
    """
    known = {(entry.device, entry.inode) for entry in registry.entries}
    found = [
        (status.st_mtime_ns, path)
        for path, status in _siblings(file)
        if status.st_mtime_ns >= registry.saved_ns and status.st_size and (status.st_dev, status.st_ino) not in known
    ]
    return [path for _, path in sorted(found)]


def _siblings(file: OpenFile) -> list[tuple[Path, os.stat_result]]:
    starts = (f"{file.path.name}.", f"{file.path.name}-")
    try:
        with os.scandir(file.path.parent) as files:
            return [(Path(one.path), one.stat()) for one in files if one.name.startswith(starts) and one.is_file()]
    except OSError:
        return []


def beside(entry: Entry) -> list[Path]:
    """Where the file of an entry is now, in the folder where it was last seen."""
    try:
        with os.scandir(Path(entry.path).parent) as files:
            found = [Path(one.path) for one in files if one.inode() == entry.inode and one.is_file()]
        return [path for path in found if path.stat().st_dev == entry.device]
    except OSError:
        return []


def _what_to_do(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such file; check the name"
    if isinstance(error, PermissionError):
        return "permission denied; give yourself the right to read it"
    return f"{error.strerror}; is it a file of log lines?"
