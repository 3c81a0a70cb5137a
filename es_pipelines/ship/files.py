"""Match each file with its registry entry, to know how far it was shipped.

path ──▶ OpenFile ──▶ place ──▶ Entry + offset
                        │
   known inode, same first and last bytes: continue, even if the file was renamed
   known inode, other bytes or shorter (copytruncate), or another inode at the path (rotation): next generation
   unknown: ask the stream which generation has the file's first lines
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from es_pipelines.reading.lines import skip_line_end
from es_pipelines.reading.open_file import OpenFile
from es_pipelines.ship.events import Event, Identity, checksum
from es_pipelines.ship.registry import SPAN_BYTES, Entry, Registry, head_digest, matches, tail_digest

SAME_LINES = 8
"""Distinct lines that must match before content proves that a file moved from another path.

Traffic often contains floods of the same line.
"""


def place(
    registry: Registry,
    file: OpenFile,
    observer: str | None,
    *,
    is_alive: Callable[[Entry], bool],
    next_generation: Callable[[str, str], int],
) -> tuple[Entry, bool]:
    """The registry's entry of a file; creates one if there is none.

    Args:
        registry: is changed but not saved.
        file: the open file.
        observer: the name given by the user; None uses the stem of the file's name.
        is_alive: whether the file of another entry still exists; then this file is no moved copy of it.
        next_generation: called with observer and name for a file that the registry does not know.
    Returns:
        the entry, and whether it was known before.
    """
    entry = registry.of_inode(file.device, file.inode, file.path_text, observer)
    if entry is not None and matches(file.pread, entry):
        here = msgspec.structs.replace(entry.moved(file.path_text), device=file.device)
        return registry.replace(entry, here), True
    if entry is not None:
        registry.retire(entry)
    name = file.name
    observer_name = observer or Path(name).stem
    for other in registry.candidates(file.path_text, observer_name, name):
        is_copy = other.path == file.path_text and not was_rotated(file, registry)
        if not is_alive(other) and begins_with_lines_of(file, other, distinct_lines=0 if is_copy else SAME_LINES):
            here = msgspec.structs.replace(other.moved(file.path_text), device=file.device, inode=file.inode)
            return registry.replace(other, here), True
    generation = next_generation(observer_name, name)
    entry = Entry(
        file.device, file.inode, file.path_text, observer_name, name, generation, observer_given=observer is not None
    )
    return registry.replace(None, entry), False


def begins_with_lines_of(file: OpenFile, entry: Entry, *, distinct_lines: int) -> bool:
    """Whether a file begins with all acknowledged lines of an entry, and at least this many distinct ones."""
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
    """Offset of the next line to ship. Reads an unterminated line again as a whole if it was continued since."""
    if entry.open_line < 0:
        return entry.offset
    skipped = skip_line_end(file.pread(2, entry.offset))
    return entry.open_line if skipped is None else entry.offset + skipped


def advanced(file: OpenFile, entry: Entry, batch: Sequence[Event], events: int) -> Entry:
    """The entry after a batch is acknowledged; `events` counts its lines without headers."""
    last = batch[-1].line
    # A gzip file is unpacked again to read its first bytes, so they are read only until their digest is final.
    head = entry.head if entry.offset >= SPAN_BYTES else head_digest(file.pread, last.end)
    return msgspec.structs.replace(
        entry,
        offset=last.end,
        open_line=-1 if last.terminated else last.offset,
        head=head,
        tail=tail_digest(file.pread, last.end),
        checksum=checksum((event.id for event in batch), entry.checksum),
        events=entry.events + events,
        header=batch[-1].row.header,
    )


def identity_of(entry: Entry, user: str | None, host: str = "") -> Identity:
    """What the lines of a file have in common."""
    user_id = user or Path(entry.name).stem
    return Identity(entry.observer, user_id, entry.name, entry.path, entry.generation, host, entry.earlier)


def renamed_file(file: OpenFile, registry: Registry, observer: str | None) -> OpenFile | None:
    """The file that was at this path before; None unless it was renamed within its folder and has the same content."""
    before = registry.last_at(file.path_text, observer)
    if before is None or (before.device, before.inode) == file.key:
        return None
    for path in paths_of_inode(before):
        other = file.other(path)
        if matches(other.pread, before):
            return other
        other.close()
    return None


def was_rotated(file: OpenFile, registry: Registry) -> bool:
    """Whether a rotation may have created the file: a `name.*` or `name-*` is newer than the last run."""
    return any(status.st_ctime_ns >= registry.saved_ns for _, status in _siblings(file))


def unshipped_rotations(file: OpenFile, registry: Registry) -> list[Path]:
    """Unknown files `name.*` or `name-*` that were written since the last run, oldest first.

    Several rotations between two runs leave such files. Their content was never shipped from this path.
    """
    known = {(entry.device, entry.inode) for entry in registry.entries}
    dated_paths = [
        (status.st_mtime_ns, path)
        for path, status in _siblings(file)
        if status.st_mtime_ns >= registry.saved_ns and status.st_size and (status.st_dev, status.st_ino) not in known
    ]
    return [path for _, path in sorted(dated_paths)]


def _siblings(file: OpenFile) -> list[tuple[Path, os.stat_result]]:
    starts = (f"{file.path.name}.", f"{file.path.name}-")
    try:
        with os.scandir(file.path.parent) as files:
            return [
                (Path(found_file.path), found_file.stat())
                for found_file in files
                if found_file.name.startswith(starts) and found_file.is_file()
            ]
    except OSError:
        return []


def paths_of_inode(entry: Entry) -> list[Path]:
    """Current paths of an entry's inode, in the folder where the file was last seen."""
    try:
        with os.scandir(Path(entry.path).parent) as files:
            paths = [
                Path(found_file.path)
                for found_file in files
                if found_file.inode() == entry.inode and found_file.is_file()
            ]
        return [path for path in paths if path.stat().st_dev == entry.device]
    except OSError:
        return []
