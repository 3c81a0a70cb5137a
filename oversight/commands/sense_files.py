"""The logs that `oversight sense` reads: files, also packed, in the order of their first record, or followed.

paths ──▶ sorted by time ──▶ OpenFile | FollowedFiles ──▶ lines ──▶ LogReader ──▶ flows
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from contract.errors import UnreadableFileError
from es_pipelines.reading.followed import FollowedFiles
from es_pipelines.reading.lines import Line, batches
from es_pipelines.reading.open_file import OpenFile, check
from sensor.flow import Flow
from sensor.logs.no_flow import NoFlowError
from sensor.logs.reader import LogReader, reading

PIECE_LINES, PIECE_BYTES = 2_000, 4 * 1024 * 1024
LINES_TO_A_TIME = 1_000
"""Lines in which a file's first record is looked for."""
POLL_INTERVAL_S = 1.0
HEAD_BYTES = 256


@dataclass(slots=True)
class _Place:
    """How far a followed file was read."""

    offset: int = 0
    lines: int = 0
    head: bytes = b""
    """The file's first bytes: they change if it is emptied and written again."""


class LogFiles:
    """Logs of one kind.

    Args:
        paths: as the user typed them.
        kind: `zeek` or `suricata`.
        following: keep reading what is added, through every rotation, until the stop. Packed files are read once.
        follow_symlinks: whether symbolic links in a path are followed.
    Raises:
        UnreadableFileError: a file cannot be read.
    """

    def __init__(
        self, paths: Sequence[Path], kind: str, *, following: bool = False, follow_symlinks: bool = False
    ) -> None:
        checked = check(paths, follow_symlinks=follow_symlinks)
        if checked.problems:
            raise next(iter(checked.problems.values()))
        self._kind, self._follow_symlinks = kind, follow_symlinks
        in_order = sorted(checked.paths, key=self._begins)
        self._growing = [path for path in in_order if following and not self._is_packed(path)]
        """Files that are followed."""
        self._whole = [path for path in in_order if path not in self._growing]
        self._reader = LogReader(kind)
        self._places: dict[tuple[int, int], _Place] = {}

    @property
    def skipped(self) -> Counter[str]:
        """Records that gave no flow, by reason."""
        return self._reader.skipped.reasons

    def arriving(self, stop: threading.Event, *, poll_interval_s: float = POLL_INTERVAL_S) -> Iterator[list[Flow]]:
        """The flows, in lists of those that are known together. A followed file without new lines gives an empty list.

        Raises:
            UnreadableFileError: a file cannot be read on. A followed one is tried again instead.
        """
        for path in self._whole:
            with self._opened(path) as file:
                for flows in self._new(file, complete=True):
                    yield flows
                    if stop.is_set():
                        return
                self._forget(file)
        if self._growing:
            yield from self._followed(stop, poll_interval_s)

    def _followed(self, stop: threading.Event, poll_interval_s: float) -> Iterator[list[Flow]]:
        files = FollowedFiles(self._growing, follow_symlinks=self._follow_symlinks)
        try:
            while not stop.is_set():
                for due in files.poll():
                    try:
                        for flows in self._new(due.file, complete=due.is_done):
                            yield flows
                            if stop.is_set():
                                return
                    except UnreadableFileError as error:
                        due.error = error
                    if due.is_done:
                        self._forget(due.file)
                yield []
                stop.wait(poll_interval_s)
        finally:
            files.close()

    def _new(self, file: OpenFile, *, complete: bool) -> Iterator[list[Flow]]:
        """The flows of the lines that were not read yet."""
        place = self._place_in(file)
        lines = file.lines(place.offset, complete=complete, skip_too_long=True)
        for piece in batches(lines, _size_of, max_count=PIECE_LINES, max_bytes=PIECE_BYTES):
            contents = [None if line.too_long else line.content for line in piece]
            flows = self._reader.flows(file.key, file.path_text, place.lines + 1, contents)
            place.offset, place.lines = piece[-1].end, place.lines + len(piece)
            yield flows

    def _place_in(self, file: OpenFile) -> _Place:
        """How far a file was read: not at all if it was emptied since, as logrotate's copytruncate does."""
        place = self._places.get(file.key)
        head = file.pread(HEAD_BYTES, 0)
        if place is None or not head.startswith(place.head) or (not file.packed and file.length < place.offset):
            self._reader.forget(file.key)
            place = self._places[file.key] = _Place()
        place.head = head
        return place

    def _forget(self, file: OpenFile) -> None:
        self._reader.forget(file.key)
        self._places.pop(file.key, None)

    def _begins(self, path: Path) -> float:
        """When the first record of a file ended; a file without any comes last."""
        read = reading(self._kind)
        with self._opened(path) as file:
            for line in islice(file.lines(0, complete=True, skip_too_long=True), LINES_TO_A_TIME):
                with suppress(NoFlowError):
                    if flow := read(line.content.decode("utf-8", "replace")):
                        return flow.ended_s
        return float("inf")

    def _is_packed(self, path: Path) -> bool:
        with self._opened(path) as file:
            return file.packed

    def _opened(self, path: Path) -> OpenFile:
        return OpenFile(path, follow_symlinks=self._follow_symlinks)


def _size_of(line: Line) -> int:
    return len(line.content)
