"""Append records to one CSV file for each user, at a given rate.

    Record ──▶ its user's file: header once, then only whole lines, each written before the next record is taken

An existing file is continued, like a log. If an earlier run left its last line without an end, the line is ended first.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path

from contract.errors import InputError
from contract.kdd99.columns import ADDRESSES, COLUMNS
from sensor.simulation import Record

LABEL_COLUMN = "label"


@dataclass(slots=True)
class Written:
    """What was written so far."""

    records: int = 0
    scenarios: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Records by (scenario, label)."""
    users: Counter[str] = field(default_factory=Counter)
    files: dict[str, Path] = field(default_factory=dict)
    """The file of each user."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns of a file: KDD's 41, then who talked to whom, then the label."""

    addresses: bool = True
    label: bool = False

    @property
    def header(self) -> str:
        """The first line of a file, without a line break."""
        return ",".join((*COLUMNS, *(ADDRESSES if self.addresses else ()), *((LABEL_COLUMN,) if self.label else ())))

    def line(self, record: Record) -> str:
        """A record's line, without a line break."""
        return record.csv_line(addresses=self.addresses, label=self.label)

    def options_for(self, other: Layout) -> str:
        """The options of `oversight simulate` that write another layout instead of this one."""
        options = []
        if other.addresses != self.addresses:
            options.append("with --addresses" if other.addresses else "with --no-addresses")
        if other.label != self.label:
            options.append("with --label" if other.label else "without --label")
        return " and ".join(options)


LAYOUTS = {layout.header: layout for layout in (Layout(a, b) for a in (True, False) for b in (True, False))}
"""Every layout by its header."""


def path_of(folder: Path, user: str) -> Path:
    """The file of one user."""
    return folder / f"{user}.csv"


def write(
    records: Iterable[Record],
    folder: Path,
    *,
    rate: float | None = None,
    stop: threading.Event | None = None,
    layout: Layout | None = None,
    progress: Callable[[Written], None] | None = None,
) -> Written:
    """Append records to `folder/USER.csv`. Creates missing files.

    Args:
        records: can be endless if `stop` ends it.
        folder: created if it is missing.
        rate: records per second; None writes as fast as possible.
        stop: ends the writing after the current line.
        layout: the columns; by default KDD's and the addresses.
        progress: called after every record.
    Raises:
        InputError: the folder or a file cannot be written, or an existing file has another header.
    """
    stop, layout = stop or threading.Event(), layout or Layout()
    written = Written()
    began_s = time.monotonic()
    with ExitStack() as closing:
        files: dict[str, FileIO] = {}
        for record in records:
            if rate is not None:
                stop.wait(max(0.0, began_s + written.records / rate - time.monotonic()))
            if stop.is_set():
                break
            if record.user not in files:
                path = path_of(folder, record.user)
                files[record.user] = closing.enter_context(_open(path, layout))
                written.files[record.user] = path
            _append(files[record.user], layout.line(record))
            written.records += 1
            written.scenarios[record.scenario, record.label] += 1
            written.users[record.user] += 1
            if progress is not None:
                progress(written)
    return written


def _open(path: Path, layout: Layout) -> FileIO:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = FileIO(path, "a+")
    except OSError as error:
        raise InputError(
            f"cannot write {path} ({error.strerror}); choose a folder where you have write permission"
        ) from None
    try:
        _continue(file, path, layout)
    except InputError:
        file.close()
        raise
    return file


def _continue(file: FileIO, path: Path, layout: Layout) -> None:
    size = file.seek(0, 2)
    if not size:
        _append(file, layout.header)
        return
    file.seek(0)
    header = file.readline().decode(errors="replace").rstrip("\r\n")
    if header != layout.header:
        columns = f"{header.count(',') + 1} columns, expected {layout.header.count(',') + 1}"
        known = LAYOUTS.get(header)
        options = "" if known is None else f", or continue this file {layout.options_for(known)}"
        raise InputError(f"{path} has another header ({columns}); choose another folder{options}")
    file.seek(size - 1)
    if file.read(1) != b"\n":
        _append(file, "")


def _append(file: FileIO, line: str) -> None:
    """Write a whole line or nothing: if the disk is full, remove the part that was written."""
    data = f"{line}\n".encode()
    done = 0
    try:
        while done < len(data):  # a raw file may write fewer bytes than given
            done += file.write(data[done:])
    except OSError as error:
        file.truncate(file.seek(0, 2) - done)
        raise InputError(
            f"cannot write {file.name} ({error.strerror}); free disk space and run the command again"
        ) from None
