"""The registry: how far each file was shipped. One JSON file per target, rewritten after every acknowledged batch.

    STATE/shipped-<stream>-<cluster>.json   files, by device and inode: name, generation, acknowledged offset
    STATE/shipped-<stream>-<cluster>.lock   held by the one process that ships there

The registry makes shipping cheap and survives rollovers. If it is lost or damaged (a damaged one is renamed),
Oversight asks the stream instead (`ship.target`). For a file that is still at its path, that costs only time. A file
that was moved or renamed since, such as by a rotation, is not recognised and is shipped again.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import logging
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import msgspec

from common import atomic_file
from contract.errors import InputError

log = logging.getLogger(__name__)

FORMAT = 2
"""Format 1 lacks the keys `header` and, at first, `earlier`; it is read as well."""
SPAN_BYTES = 1024
"""Length of the first and of the last bytes whose digests identify a file."""
MAX_ENTRIES = 10_000
"""Maximum number of entries. Older ones are deleted, so that writing the registry stays fast (about 3 MB)."""
MAX_EARLIER = 8
"""Maximum number of paths kept of a file, besides the first and the last one."""
Pread = Callable[[int, int], bytes]
"""Reads this many bytes of a file from an offset; fewer at its end."""
GONE = -1
"""Device and inode of an entry whose file has new content. The entry only reserves its generation."""


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is known about one file, or about one generation of it."""

    device: int
    inode: int
    path: str
    """Path where the file was last seen."""
    observer: str
    name: str
    """File name when it was first seen; part of every id."""
    generation: int
    observer_given: bool = False
    """The user named the observer; it is not the file's stem."""
    offset: int = 0
    """Every line before this offset is acknowledged."""
    open_line: int = -1
    """Offset of the last acknowledged line if it had no line end, else -1."""
    head: str = ""
    """Digest of the file's first bytes."""
    tail: str = ""
    """Digest of the last bytes before `offset`."""
    checksum: int = 0
    """Sum of the ids of all acknowledged lines; distinguishes a copy of the file from a new file at its path."""
    events: int = 0
    """Number of lines in the stream, without header lines."""
    header: int = -1
    """Offset of the header line for the lines after `offset`; -1: read the file's first lines."""
    earlier: tuple[str, ...] = ()
    """Earlier paths of the file, oldest first. Events stored from them came from this file."""

    def moved(self, path: str) -> Entry:
        """The entry of the same file at a path, which may be new."""
        if path == self.path:
            return self
        earlier = tuple(dict.fromkeys((*self.earlier, self.path)))
        return msgspec.structs.replace(self, path=path, earlier=(*earlier[:1], *earlier[1:][-MAX_EARLIER:]))


@dataclass(slots=True)
class Registry:
    """The entries of one target, the last used at the end."""

    path: Path
    entries: list[Entry] = field(default_factory=list)
    index_uuid: str = ""
    """UUID of the newest known backing index; empty before the first batch."""
    index_number: int = 0
    """Its number in the data stream; 0 for a plain index."""
    saved_ns: int = field(default=0, compare=False)
    """When the file was last written before it was loaded, in nanoseconds; 0: never."""

    def of_inode(self, device: int, inode: int, path: str, observer: str | None) -> Entry | None:
        """The entry of a file, by device and inode, or by inode and path (a remounted disk can have another device).

        Args:
            observer: the name given by the user; under another name, the file is another source.
        """
        candidates = [
            entry
            for entry in self.entries
            if entry.inode == inode
            and (entry.device == device or entry.path == path)
            and (entry.observer == observer if observer else not entry.observer_given)
        ]
        return max(candidates, key=lambda entry: entry.device == device, default=None)

    def last_at(self, path: str, observer: str | None) -> Entry | None:
        """The newest generation that was at a path."""
        candidates = [
            entry
            for entry in self.entries
            if entry.path == path and (entry.observer == observer if observer else not entry.observer_given)
        ]
        return max(candidates, key=lambda entry: entry.generation, default=None)

    def candidates(self, path: str, observer: str, name: str) -> list[Entry]:
        """Entries with this path or name and the same observer, newest generation first."""
        entries = [
            entry
            for entry in self.entries
            if entry.inode != GONE and entry.observer == observer and (entry.path == path or entry.name == name)
        ]
        return sorted(entries, key=lambda entry: -entry.generation)

    def generations(self, observer: str, name: str) -> set[int]:
        """Generations of a name that belong to known files."""
        return {entry.generation for entry in self.entries if (entry.observer, entry.name) == (observer, name)}

    def had_events(self, entry: Entry) -> bool:
        """Whether a file of this name, now or before a rotation, had events."""
        return any(item.events and (item.observer, item.name) == (entry.observer, entry.name) for item in self.entries)

    def replace(self, old: Entry | None, new: Entry) -> Entry:
        """Put an entry in place of another, or add it. Returns the new one."""
        if old is not None:
            self.entries.remove(old)
        self.entries.append(new)
        return new

    def retire(self, entry: Entry) -> None:
        """Record that a file's content was replaced."""
        self.replace(entry, msgspec.structs.replace(entry, device=GONE, inode=GONE))

    def reset_offsets(self) -> None:
        """Start every file again in its generation, because the stream was recreated."""
        self.entries = [
            msgspec.structs.replace(entry, offset=0, open_line=-1, head="", tail="", checksum=0, events=0, header=-1)
            for entry in self.entries
        ]

    def save(self) -> None:
        """Write the file atomically: after a kill at any moment there is the old file or the new one."""
        del self.entries[:-MAX_ENTRIES]
        content = _Content(FORMAT, self.index_uuid, self.index_number, self.entries)
        atomic_file.write(self.path, msgspec.json.encode(content), durable=False)  # lines in doubt are looked up


class _Format(msgspec.Struct):
    """The part of the file that every format has."""

    format: Annotated[int, msgspec.Meta(ge=1)]


class _Content(_Format):
    """The file."""

    index_uuid: str
    index_number: int
    files: list[Entry]


def head_digest(pread: Pread, offset: int) -> str:
    """Digest of a file's first bytes, at most up to `offset`."""
    return _digest(pread(min(SPAN_BYTES, offset), 0))


def tail_digest(pread: Pread, offset: int) -> str:
    """Digest of a file's last bytes before `offset`."""
    start = max(0, offset - SPAN_BYTES)
    return _digest(pread(offset - start, start))


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]


def matches(pread: Pread, entry: Entry) -> bool:
    """Whether a file still has the acknowledged bytes: it was neither cut nor overwritten."""
    if entry.offset == 0:
        return True
    return (entry.head, entry.tail) == (head_digest(pread, entry.offset), tail_digest(pread, entry.offset))


@contextlib.contextmanager
def opened(folder: Path, *, cluster: str, stream: str) -> Iterator[Registry]:
    """Open the registry of one target, and lock it against a second process.

    Raises:
        InputError: another process ships there, or the folder cannot be written.
    """
    safe = re.sub(r"[^A-Za-z0-9_.-]", "_", f"{stream}-{cluster}")
    path = folder / f"shipped-{safe}.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise InputError(
            f"the state folder {folder} cannot be written ({error.strerror}); set OVERSIGHT_STATE to a folder "
            "that you may write to"
        ) from None
    try:
        _lock(lock, stream, folder)
        yield load(path)
    finally:
        os.close(lock)


def _lock(descriptor: int, stream: str, folder: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip() or "unknown"
        raise InputError(
            f"process {holder} is shipping to {stream} with the state folder {folder}; "
            f"wait for it, or give this one another OVERSIGHT_STATE"
        ) from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)


def load(path: Path) -> Registry:
    """Load the registry from a file; empty if there is none. A damaged file is renamed with a warning.

    Raises:
        InputError: the file cannot be read, or a newer Oversight wrote it. The file stays unchanged.
    """
    try:
        content, saved_ns = path.read_bytes(), path.stat().st_mtime_ns
    except FileNotFoundError:
        return Registry(path)
    except OSError as error:
        raise InputError(f"the registry {path} cannot be read ({error.strerror}); correct its permissions") from None
    try:
        registry = _parse(path, content)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        aside = path.with_suffix(".damaged")
        path.replace(aside)
        log.warning(
            "the registry %s is damaged (%s) and was renamed to %s; Oversight asks the stream what it already has",
            path,
            str(error).splitlines()[0][:100],
            aside.name,
        )
        return Registry(path)
    registry.saved_ns = saved_ns
    return registry


def _parse(path: Path, content: bytes) -> Registry:
    written = msgspec.json.decode(content, type=_Format).format
    if written > FORMAT:
        raise InputError(
            f"a newer Oversight wrote the registry {path} (format {written}, this one reads {FORMAT}), and it "
            "was left as it is; ship with the newer Oversight, or give this one another OVERSIGHT_STATE, where "
            "Oversight asks the stream"
        )
    known = msgspec.json.decode(content, type=_Content)
    return Registry(path, known.files, known.index_uuid, known.index_number)
