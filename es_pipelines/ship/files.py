"""The files that are shipped: which file is which, how far has each come.

path ──▶ OpenFile ──▶ place ──▶ Entry + offset
                        │
   known inode, same first and last bytes: go on, also where it was renamed
   known inode, other bytes or shorter (copytruncate), or another inode at the path (rotation): next generation
   nothing known: the stream is asked under which generation it has the file's first lines
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from es_pipelines.reading.lines import skip_line_end
from es_pipelines.reading.open_file import OpenFile
from es_pipelines.ship.events import Event, Identity, checksum
from es_pipelines.ship.registry import Entry, Fingerprint, Registry

SAME_LINES = 8
"""So many distinct lines must be the same before content proves anything elsewhere than at the old path.

Floods of one line are common in this traffic."""


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
    if entry is not None and Fingerprint.fits(file.pread, entry):
        here = dataclasses.replace(entry.moved(file.shown), device=file.device)
        return registry.replace(entry, here), True
    if entry is not None:
        registry.retire(entry)
    name = file.name
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
    if entry.offset and not file.pread(1, entry.offset - 1):
        return False
    identity, total = identity_of(entry, None), 0
    distinct: set[bytes] = set()
    for line in file.lines(0, complete=True, end=entry.offset):
        total = checksum([identity.id_of(line)], total)
        if len(distinct) < distinct_lines:
            distinct.add(line.content)
    return len(distinct) >= distinct_lines and total == entry.checksum


def start_of(file: OpenFile, entry: Entry) -> int:
    """Offset of the next line to ship; an unterminated line that was continued since is read again, whole."""
    if entry.open_line < 0:
        return entry.offset
    skipped = skip_line_end(file.pread(2, entry.offset))
    return entry.open_line if skipped is None else entry.offset + skipped


def advanced(file: OpenFile, entry: Entry, batch: Sequence[Event], events: int) -> Entry:
    """The entry after a batch is acknowledged, `events` of it no header lines."""
    last = batch[-1].line
    return dataclasses.replace(
        entry,
        offset=last.end,
        open_line=-1 if last.terminated else last.offset,
        head=Fingerprint.head(file.pread, last.end),
        tail=Fingerprint.tail(file.pread, last.end),
        checksum=checksum((event.id for event in batch), entry.checksum),
        events=entry.events + events,
        header=batch[-1].row.header,
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
        other = file.other(path)
        if Fingerprint.fits(other.pread, before):
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
