"""Follow files while they are written, through every rotation.

each second:   the path leads to the same file ──▶ ship its new whole lines
               the path leads to another file  ──▶ the old one retires: read it until it is quiet for a while,
                                                   then its last line counts even without a line end
               the path leads nowhere          ──▶ wait, a rotation is in progress
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from elasticsearch import Elasticsearch

from common.retry_wait import Stopped
from contract.errors import UnreadableFileError
from es_pipelines.reading.open_file import OpenFile, check
from es_pipelines.ship.shipper import Progress, ShipConfig, Shipper, ShipReport, session

log = logging.getLogger(__name__)

QUIET_S = 10.0
"""A writer can continue a renamed file until it reopens it. After this long without a new byte, the file is done."""


@dataclass(slots=True)
class Retired:
    """A file that was rotated away."""

    file: OpenFile
    size: int
    quiet_since: float


def follow(
    es: Elasticsearch,
    files: Sequence[Path],
    config: ShipConfig,
    *,
    stop: threading.Event,
    on_progress: Callable[[Progress], None] | None = None,
    poll_interval_s: float = 1.0,
    quiet_s: float = QUIET_S,
) -> ShipReport:
    """Ship files and everything that is written to them, until `stop` is set. A last line without a line end waits.

    Raises:
        InputError, EngineUnavailableError: as `ship`.
    """
    checked = check(files, follow_symlinks=config.follow_symlinks, growing=True)
    report = ShipReport()
    if checked.problems and not checked.paths:
        report.refuse(checked.problems)
        return report
    for error in checked.problems.values():
        log.warning("%s; the other files are still followed", error)
    with suppress(Stopped), session(es, config, on_progress=on_progress, stop=stop) as shipper, ExitStack() as stack:
        report = shipper.report
        report.refuse(checked.problems)
        follower = Follower(shipper, checked.paths, quiet_s=quiet_s)
        stack.callback(follower.close)
        while not stop.is_set():
            follower.poll()
            stop.wait(poll_interval_s)
    return report


class Follower:
    """The files at some paths, kept open so that a rotation loses nothing."""

    def __init__(self, shipper: Shipper, paths: Sequence[Path], *, quiet_s: float) -> None:
        self._shipper, self._quiet_s = shipper, quiet_s
        self._open: dict[Path, OpenFile | None] = dict.fromkeys(paths)
        self._retired: list[Retired] = []
        self._problems: dict[Path, str] = {}
        """Why a file cannot be read at the moment."""

    def poll(self) -> None:
        """Ship everything new."""
        for path in list(self._open):
            with self._retry_later(path):
                file = self._current(path)
                if file is not None and not self._shipper.stopped:
                    self._shipper.ship_file(file, complete=False)
        for retired in self._retired.copy():
            if not self._shipper.stopped:
                self._drain(retired)

    @contextmanager
    def _retry_later(self, path: Path) -> Iterator[None]:
        """Report an unreadable file once, and try it again at each poll. The other files are followed meanwhile.

        A rotation may set a new file's owner and mode a moment later.
        """
        try:
            yield
        except UnreadableFileError as error:
            if self._problems.get(path) != str(error):
                log.warning("%s; trying it again, the other files are still followed", error)
            self._problems[path] = str(error)
            self._shipper.report.refuse({path: error})
            file, self._open[path] = self._open[path], None
            if file is not None:
                file.close()
        else:
            if self._open[path] is not None and self._problems.pop(path, ""):
                self._shipper.report.solved(path)

    def close(self) -> None:
        """Close all files."""
        for file in (*self._open.values(), *(retired.file for retired in self._retired)):
            if file is not None:
                file.close()

    def _current(self, path: Path) -> OpenFile | None:
        """The file that the path now leads to; None during a rotation."""
        file = self._open[path]
        if file is not None and file.is_still_at_its_path():
            return file
        first = file is None
        if file is not None:
            self._retired.append(Retired(file, file.size, time.monotonic()))
            self._open[path] = None
            if file.has_a_name:
                self._shipper.held.add(file.key)
        try:
            self._open[path] = file = OpenFile(path, follow_symlinks=self._shipper.config.follow_symlinks)
        except UnreadableFileError:
            if path.exists() or path.is_symlink():
                raise
            return None
        file.require_growing()
        if first:
            self._ship_before(path, file)
        return file

    def _ship_before(self, path: Path, file: OpenFile) -> None:
        """Ship the rest of the file that was rotated away before the start. If it is unreadable, follow the new one."""
        try:
            self._shipper.ship_before(file)
        except UnreadableFileError as error:
            log.warning("%s; then ship it by its name. The file that is now at its path is followed", error)
            self._shipper.report.refuse({path: error})

    def _drain(self, retired: Retired) -> None:
        now, size = time.monotonic(), retired.file.size
        if size != retired.size:
            retired.size, retired.quiet_since = size, now
        done = now - retired.quiet_since >= self._quiet_s
        try:
            self._shipper.ship_file(retired.file, complete=done)
        except UnreadableFileError as error:
            log.warning("%s; the rest of the rotated file is not shipped", error)
            self._shipper.report.refuse({retired.file.path: error})
            done = True
        if done and not self._shipper.stopped:
            retired.file.close()
            self._shipper.held.discard(retired.file.key)
            self._retired.remove(retired)
