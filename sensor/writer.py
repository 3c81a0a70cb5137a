"""Records -> one growing CSV file a user, at a given pace.

    Record ──▶ its user's file: header once, then whole lines only, each in the system's hands before the next is made

A file that exists goes on growing, as a log does; a line that an earlier run left without its end is ended first.
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
    """File of each user."""


def header(*, label: bool) -> str:
    """The first line of a file, without its end."""
    return ",".join((*COLUMNS, LABEL_COLUMN) if label else COLUMNS)


def path_of(folder: Path, user: str) -> Path:
    """File of one user."""
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
    """Append records to `folder/USER.csv`, made where it is missing.

    Args:
        records: may be endless if `stop` ends it.
        folder: made where it is missing.
        rate: records a second; None writes as fast as it can.
        stop: ends the writing after the line in hand.
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
        raise InputError(f"cannot write {path} ({error.strerror}); name a folder that can be written") from None
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
    found = file.readline().rstrip(b"\r\n")
    if found != expected.encode():
        raise InputError(
            f"{path} begins with another header than these records have ({found.count(b',') + 1} columns, expected "
            f"{expected.count(',') + 1}); name another folder, or use --label as in the first run"
        )
    file.seek(size - 1)
    if file.read(1) != b"\n":
        _append(file, "")


def _append(file: FileIO, line: str) -> None:
    """Write a whole line or nothing: what a full disk cut off is taken back."""
    data = f"{line}\n".encode()
    done = 0
    try:
        while done < len(data):  # a raw file may take less than all at once
            done += file.write(data[done:])
    except OSError as error:
        file.truncate(file.seek(0, 2) - done)
        raise InputError(f"cannot write {file.name} ({error.strerror}); make room and start again") from None
