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
from contract.kdd99.columns import COLUMNS
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


def header(*, label: bool) -> str:
    """The first line of a file, without a line break."""
    return ",".join((*COLUMNS, LABEL_COLUMN) if label else COLUMNS)


def path_of(folder: Path, user: str) -> Path:
    """The file of one user."""
    return folder / f"{user}.csv"


def write(
    records: Iterable[Record],
    folder: Path,
    *,
    rate: float | None = None,
    stop: threading.Event | None = None,
    label: bool = False,
    progress: Callable[[Written], None] | None = None,
) -> Written:
    """Append records to `folder/USER.csv`. Creates missing files.

    Args:
        records: can be endless if `stop` ends it.
        folder: created if it is missing.
        rate: records per second; None writes as fast as possible.
        stop: ends the writing after the current line.
        label: append KDD's 42nd column.
        progress: called after every record.
    Raises:
        InputError: the folder or a file cannot be written, or an existing file has another header.
    """
    stop = stop or threading.Event()
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
                files[record.user] = closing.enter_context(_open(path, header(label=label)))
                written.files[record.user] = path
            _append(files[record.user], record.csv_line(label=label))
            written.records += 1
            written.scenarios[record.scenario, record.label] += 1
            written.users[record.user] += 1
            if progress is not None:
                progress(written)
    return written


def _open(path: Path, expected: str) -> FileIO:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = FileIO(path, "a+")
    except OSError as error:
        raise InputError(
            f"cannot write {path} ({error.strerror}); choose a folder where you have write permission"
        ) from None
    try:
        _continue(file, path, expected)
    except InputError:
        file.close()
        raise
    return file


def _continue(file: FileIO, path: Path, expected: str) -> None:
    size = file.seek(0, 2)
    if not size:
        _append(file, expected)
        return
    file.seek(0)
    header = file.readline().rstrip(b"\r\n")
    if header != expected.encode():
        raise InputError(
            f"{path} has another header ({header.count(b',') + 1} columns, expected {expected.count(',') + 1}); choose "
            f"another "
            f"folder, or use --label as in the first run"
        )
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
