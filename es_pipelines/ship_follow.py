"""Follow files that are still being written, through every rotation.

each second:   path leads to the same file ──▶ ship its new whole lines
               path leads to another one   ──▶ the old one retires: read on until it was quiet for a while,
                                               then its last line counts even without a line end
               path leads nowhere          ──▶ wait, a rotation is under way
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from elasticsearch import Elasticsearch

from contract.errors import InputError
from es_pipelines.ship import Progress, ShipConfig, Shipper, ShipReport, session
from es_pipelines.ship_files import OpenFile, check
from es_pipelines.ship_patience import Stopped

QUIET_S = 10.0
"""A writer may go on with a renamed file until it is told to reopen it: so long without a new byte, and it is done."""


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
    """Ship files and what is written to them, until `stop` is set. A last line without a line end waits.

    Raises:
        InputError, EngineUnavailableError: as `ship`.
    """
    paths = check(files)
    report = ShipReport()
    with suppress(Stopped), session(es, config, on_progress=on_progress, stop=stop) as shipper, ExitStack() as stack:
        report = shipper.report
        follower = Follower(shipper, paths, quiet_s=quiet_s)
        stack.callback(follower.close)
        while not stop.is_set():
            follower.poll()
            stop.wait(poll_interval_s)
    return report


class Follower:
    """The files at some paths, held open so that a rotation loses nothing."""

    def __init__(self, shipper: Shipper, paths: Sequence[Path], *, quiet_s: float) -> None:
        self._shipper, self._quiet_s = shipper, quiet_s
        self._open: dict[Path, OpenFile | None] = dict.fromkeys(paths)
        self._retired: list[Retired] = []

    def poll(self) -> None:
        """Ship what is new everywhere."""
        for path in self._open:
            file = self._current(path)
            if file is not None and not self._shipper.stopped:
                self._shipper.ship_file(file, complete=False)
        for retired in self._retired.copy():
            if not self._shipper.stopped:
                self._drain(retired)

    def close(self) -> None:
        """Let go of all files."""
        for file in (*self._open.values(), *(retired.file for retired in self._retired)):
            if file is not None:
                file.close()

    def _current(self, path: Path) -> OpenFile | None:
        """The file that the path leads to by now; None in the middle of a rotation."""
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
            self._open[path] = file = OpenFile(path)
        except InputError:
            return None
        if first:
            self._shipper.ship_before(file)
        return file

    def _drain(self, retired: Retired) -> None:
        now, size = time.monotonic(), retired.file.size
        if size != retired.size:
            retired.size, retired.quiet_since = size, now
        done = now - retired.quiet_since >= self._quiet_s
        self._shipper.ship_file(retired.file, complete=done)
        if done and not self._shipper.stopped:
            retired.file.close()
            self._shipper.held.discard(retired.file.key)
            self._retired.remove(retired)
