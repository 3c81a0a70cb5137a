"""Ship files while they are written: every second, everything new in them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from elasticsearch import Elasticsearch

from common.retry_wait import Stopped
from contract.errors import UnreadableFileError
from es_pipelines.reading.followed import QUIET_S, FollowedFiles
from es_pipelines.reading.open_file import OpenFile, check
from es_pipelines.ship.shipper import Progress, ShipConfig, Shipper, ShipReport, session

log = logging.getLogger(__name__)


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
        followed = FollowedFiles(
            checked.paths, quiet_s=quiet_s, follow_symlinks=config.follow_symlinks, held=shipper.held
        )
        stack.callback(followed.close)
        while not stop.is_set():
            _ship_new(shipper, followed)
            stop.wait(poll_interval_s)
    return report


def _ship_new(shipper: Shipper, followed: FollowedFiles) -> None:
    """Ship everything new."""
    before = set(followed.problems)
    for due in followed.poll():
        if shipper.stopped:  # checked here: `followed` notes that a file was read when the next one is taken
            break
        try:
            if due.is_first:
                _ship_before(shipper, due.file)
            shipper.ship_file(due.file, complete=due.is_done)
        except UnreadableFileError as error:
            due.error = error
            shipper.report.refuse({due.file.path: error})
    shipper.report.refuse(followed.problems)
    for path in before - followed.problems.keys():
        shipper.report.solved(path)


def _ship_before(shipper: Shipper, file: OpenFile) -> None:
    """Ship the rest of the file that was rotated away before the start. If it is unreadable, follow the new one."""
    try:
        shipper.ship_before(file)
    except UnreadableFileError as error:
        log.warning("%s; then ship it by its name. The file that is now at its path is followed", error)
        shipper.report.refuse({file.path: error})
