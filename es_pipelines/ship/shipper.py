"""Ship files of raw lines to Elasticsearch: every line once, whatever stops or restarts in between.

    file ──▶ rows ──▶ events ──▶ batches ──▶ bulk create ──▶ outcomes ──▶ registry: acknowledged up to here
      ▲                              │        several at a      in order
      │                              │        time
      │                              └─ in doubt: an `ids` query first
      └── from the acknowledged offset

In doubt are the first lines after a start, because a killed process may have sent them. If the stream has documents,
all lines of a file that the registry does not know are in doubt too.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from itertools import islice
from pathlib import Path

from elasticsearch import Elasticsearch

from common.retry_wait import RetryWait, Stopped
from contract.errors import UnreadableFileError
from es_pipelines.reading.lines import Line, batches
from es_pipelines.reading.open_file import OpenFile, check
from es_pipelines.reading.rows import LineKind, Row, Rows
from es_pipelines.ship import registry as registries
from es_pipelines.ship import target as ship_target
from es_pipelines.ship.config import ShipConfig
from es_pipelines.ship.events import Event, Identity, event_of, path_text
from es_pipelines.ship.files import (
    advanced,
    identity_of,
    paths_of_inode,
    place,
    renamed_file,
    start_of,
    unshipped_rotations,
)
from es_pipelines.ship.in_flight import RateLimit, in_order
from es_pipelines.ship.registry import Entry, Registry
from es_pipelines.ship.report import EventOutcome, FileReport, Progress, ShipReport, note
from es_pipelines.ship.send import Sender
from es_pipelines.ship.usable_rows import UsableFiles

__all__ = ["FileReport", "Progress", "ShipConfig", "ShipReport", "Shipper", "session", "ship"]

DOUBT_LINES = 10_000
"""Lines after a start that a killed process may have sent: the largest batch, or all batches in flight."""
NOT_SENT = {LineKind.HEADER: EventOutcome.HEADER, LineKind.BLANK: EventOutcome.BLANK}
"""Outcome of a line that is no event."""
PROBE_LINES, PROBE_GENERATIONS = 16, 16
"""First lines and generations to try when the stream is asked for a file's generation."""


log = logging.getLogger(__name__)


def ship(
    es: Elasticsearch,
    files: Sequence[Path],
    config: ShipConfig,
    *,
    on_progress: Callable[[Progress], None] | None = None,
    stop: threading.Event | None = None,
) -> ShipReport:
    """Ship everything new in some files. Can be called repeatedly while they grow.

    Args:
        es: client of the cluster; uses only `bulk`, `search` and index metadata.
        files: regular files of lines, all checked before the first is shipped. The report names unreadable ones.
        config: what to ship, under which names, and how.
        on_progress: called after each batch.
        stop: set by another thread or a signal; ends after the current batch. The next call continues from there.
    Raises:
        InputError: the stream is not provisioned, or another process ships there.
        EngineUnavailableError: no response for `timeout_s`.
    """
    checked = check(files, follow_symlinks=config.follow_symlinks)
    report = ShipReport()
    if checked.problems and not checked.paths:
        report.refuse(checked.problems)
        return report
    with suppress(Stopped), session(es, config, on_progress=on_progress, stop=stop) as shipper:
        report = shipper.report
        report.refuse(checked.problems)
        shipper.named = {Path(os.path.abspath(path)) for path in checked.paths}  # noqa: PTH100  as in `OpenFile`
        for path in checked.paths:
            if not shipper.stopped:
                shipper.ship_path(path)
    return report


@contextmanager
def session(
    es: Elasticsearch,
    config: ShipConfig,
    *,
    on_progress: Callable[[Progress], None] | None = None,
    stop: threading.Event | None = None,
    registered: bool = True,
) -> Iterator[Shipper]:
    """A shipper that holds its stream's registry. With `registered=False` it ships no files and needs no registry.

    Raises:
        InputError: the stream is not provisioned, or another process ships there.
    """
    retry_wait = RetryWait(config.backoff_s, config.max_backoff_s, config.timeout_s, stop or threading.Event())
    sender = Sender(es, config.stream, retry_wait, config.known.event)
    with ship_target.explained(config.stream):
        target = sender.retry(lambda: ship_target.find(sender.es, config.stream), at_start=True)
        note = sender.retry(lambda: ship_target.closed_note(sender.es, config.stream), at_start=True)
        if note:
            log.warning("%s", note)
        with ExitStack() as stack:
            registry = Registry(config.state)
            if registered:
                opened = registries.opened(config.state, cluster=target.cluster, stream=config.stream)
                registry = stack.enter_context(opened)
            pool = ThreadPoolExecutor(config.settings.in_flight, thread_name_prefix="ship")
            try:
                yield Shipper(sender, target, registry, config, on_progress, pool)
            finally:
                retry_wait.end()
                pool.shutdown(cancel_futures=True)


class Shipper:
    """Ships files to one stream, batch by batch."""

    def __init__(
        self,
        sender: Sender,
        target: ship_target.Target,
        registry: Registry,
        config: ShipConfig,
        on_progress: Callable[[Progress], None] | None,
        pool: Executor,
    ) -> None:
        self._pool, self._rate_limit = pool, RateLimit(config.rate, sender.retry_wait.stop)
        self.sender, self.registry, self.config = sender, registry, config
        self.report = ShipReport()
        self.held: set[tuple[int, int]] = set()
        """Files that were rotated away and still exist, under any path."""
        self.host = socket.gethostname() if config.host is None else config.host
        self._began = time.monotonic()
        self._on_progress = on_progress
        self._reports: dict[tuple[int, int], FileReport] = {}
        self._doubt: dict[tuple[int, int], float] = {}
        self._remarks: dict[tuple[int, int], list[str]] = {}
        self.usable_files = UsableFiles(sender.es, config.stream)
        self.named: set[Path] = set()
        """Files that are shipped under their own paths anyway."""
        self._has_documents = target.exists and self._may_hold_documents()
        self._recreated = target.was_recreated(registry)
        if self._recreated:
            registry.reset_offsets()
        if target.exists:
            registry.index_uuid, registry.index_number = target.index_uuid, target.index_number

    def _may_hold_documents(self) -> bool:
        """Whether the stream has documents that we may read."""
        empty = self.sender.retry(lambda: ship_target.is_empty(self.sender.es, self.config.stream))
        if empty is None:
            self.sender.may_read = False
            log.warning(
                "the key may not read %s (it lacks read and indices:admin/refresh): a line is stored twice "
                "if the response to "
                "its request or the registry %s was lost and the stream rolled over since",
                self.config.stream,
                self.config.state,
            )
        return empty is False

    @property
    def stopped(self) -> bool:
        """Whether the user asked to stop."""
        return self.sender.retry_wait.stop.is_set()

    def begin(self, key: tuple[int, int], report: FileReport, *, in_doubt: bool) -> None:
        """Add a source of lines that is no file. `in_doubt`: the stream may have some of them."""
        self.report.files.append(report)
        self._doubt[key] = float("inf") if in_doubt else 0

    def count(
        self, report: FileReport, outcomes: list[EventOutcome], batch: list[Event], *, offset: int, size: int
    ) -> None:
        """Add a settled batch to the report, and report the progress: the offset, and the size (0: unknown)."""
        self.report.seconds = time.monotonic() - self._began
        report.add(outcomes, batch)
        if self._on_progress is not None:
            self._on_progress(Progress(report.path, offset, size, self.report))

    def ship_path(self, path: Path) -> None:
        """Ship everything new in a file, after the rest of the file that it replaced."""
        with self.report.noting(path), OpenFile(path, follow_symlinks=self.config.follow_symlinks) as file:
            with self.report.noting(path):
                self.ship_before(file)
            self.ship_file(file, complete=self.config.complete)

    def ship_before(self, file: OpenFile) -> None:
        """Ship the rest of the file that had this path before it was renamed."""
        last = self.registry.last_at(file.path_text, self.config.observer)
        before = renamed_file(file, self.registry, self.config.observer)
        if before is not None:
            with before:
                self.ship_file(before, complete=True)
        if last is not None and (last.device, last.inode) != file.key:
            paths = [path for path in unshipped_rotations(file, self.registry) if path not in self.named]
            if paths:
                names = ", ".join(path_text(path.name) for path in paths)
                text = f"rotated more than once since the last run; not shipped: {names}"
                self._remarks.setdefault(file.key, []).append(text)

    def ship_file(self, file: OpenFile, *, complete: bool) -> None:
        """Ship everything new in an open file, up to its current end.

        Raises:
            Stopped: asked to stop while Elasticsearch was unavailable. Else a stop returns after the current batch.
        """
        entry, report = self._place(file)
        identity = identity_of(entry, self.config.user, self.host)
        rows = self._rows_of(file, entry, complete=complete)
        for batch, outcomes in self.settled(rows, identity, file.key):
            events_in = len(outcomes) - outcomes.count(EventOutcome.HEADER) - outcomes.count(EventOutcome.BLANK)
            entry = self.registry.replace(entry, advanced(file, entry, batch, events_in))
            self._save_registry()
            self.count(report, outcomes, batch, offset=entry.offset, size=file.length)
            if complete:
                self.usable_files.check(file.key, batch, outcomes)
        if self.stopped:
            return
        report.note = note(report, empty=file.is_empty, remarks=self._remarks.get(file.key, ()))
        if complete:
            report.unusable = self.usable_files.problem(
                file.key, file.path_text, report, rotated=self.registry.had_events(entry)
            )

    def _rows_of(self, file: OpenFile, entry: Entry, *, complete: bool) -> Iterator[Row]:
        """The new rows of a file. The lines before them provide the columns."""
        start, rows = start_of(file, entry), None
        try:
            for line in file.lines(start, complete=complete):
                if rows is None:
                    rows = self._rows(file)
                    rows.resume(file.lines(max(entry.header, 0), complete=True, end=start), start)
                yield rows.take(line)
        except UnreadableFileError as error:
            raise file.named(error) from None

    def _rows(self, file: OpenFile) -> Rows:
        return Rows(file.shape(), self.config.known, self.config.delimiter)

    def _place(self, file: OpenFile) -> tuple[Entry, FileReport]:
        last = self.registry.last_at(file.path_text, self.config.observer)
        entry, known = place(
            self.registry,
            file,
            self.config.observer,
            is_alive=lambda other: (other.device, other.inode) in self.held or bool(paths_of_inode(other)),
            next_generation=lambda observer, name: self._generation(file, observer, name),
        )
        if last is not None and not known:
            text = "its content is not what was shipped from this path before: shipped from the start"
            self._remarks.setdefault(file.key, []).append(text)
        if not known:  # so that its inode is known after a kill and a renaming
            self.registry.save()
        if file.key not in self._reports:
            self._reports[file.key] = FileReport(file.path_text, already_there=entry.events)
            self.report.files.append(self._reports[file.key])
            whole = self._recreated or not known
            self._doubt[file.key] = float("inf") if whole and self._has_documents else DOUBT_LINES
        return entry, self._reports[file.key]

    def settled(
        self, rows: Iterable[Row], identity: Identity, key: tuple[int, int], *, whole: bool = False
    ) -> Iterator[tuple[list[Event], list[EventOutcome]]]:
        """Send lines, several batches at a time, and yield each batch with its outcomes, in the order of the lines.

        Args:
            rows: of one source.
            identity: of that source.
            key: the source, as the registry identifies files.
            whole: send all lines even if asked to stop, because they cannot be read again.
        """
        config = self.config
        size = config.settings.batch_size
        count = size if config.rate is None else max(1, min(size, int(config.rate)))
        batches_of_events = batches(
            (event_of(identity, row.line, row) for row in rows),
            lambda event: len(event.source) + len(event.id) + 40,
            max_count=count,
            max_bytes=config.settings.batch_bytes,
        )
        marked = ((batch, self._in_doubt(key, len(batch))) for batch in batches_of_events)
        limit = max(1, min(config.settings.in_flight, DOUBT_LINES // count))
        settle = partial(self._settle, identity)
        for (batch, _), outcomes in in_order(
            marked, settle, self._pool, limit=limit, stopped=lambda: self.stopped and not whole
        ):
            yield batch, outcomes

    def _in_doubt(self, key: tuple[int, int], count: int) -> bool:
        """Whether the stream may have the next lines of a file already. Also waits until the rate allows them."""
        self._rate_limit.wait(count)
        doubt = self._has_documents and self._doubt[key] > 0
        self._doubt[key] -= count
        return doubt

    def _settle(self, identity: Identity, work: tuple[list[Event], bool]) -> list[EventOutcome]:
        """Settle each event of a batch. Looks up events in doubt before sending them."""
        batch, in_doubt = work
        if not self.sender.may_read:
            batch = [event._replace(id=identity.own_id_of(event.line)) for event in batch]
        events = [event for event in batch if event.row.kind is LineKind.EVENT]
        if in_doubt and events:
            outcomes = self.sender.deliver_missing(self.sender.find_stored(events, identity), identity)
        else:
            outcomes = self.sender.deliver(events, identity)
        of_events = iter(outcomes)
        return [NOT_SENT.get(event.row.kind) or next(of_events) for event in batch]

    def _save_registry(self) -> None:
        if not self.registry.index_uuid:  # the first events created the stream
            target = self.sender.retry(lambda: ship_target.find(self.sender.es, self.config.stream))
            self.registry.index_uuid, self.registry.index_number = target.index_uuid, target.index_number
        self.registry.save()

    def _generation(self, file: OpenFile, observer: str, name: str) -> int:
        """The generation under which the stream has a file's first lines; otherwise the first unused one.

        The stream may have other files' lines under this name. They do not count, because our lines then get other ids.
        """
        known_generations = self.registry.generations(observer, name)
        fresh = max(known_generations, default=-1) + 1
        if not self._has_documents:
            return fresh
        first: list[Line] = []
        with suppress(UnreadableFileError):  # shipping reads the same place again, and reports it
            rows = map(self._rows(file).take, file.lines(0, complete=True))
            first.extend(islice((row.line for row in rows if row.kind is LineKind.EVENT), PROBE_LINES))
        probed: dict[str, Identity] = {}
        for generation in set(range(PROBE_GENERATIONS)) - known_generations:
            identity = Identity(observer, "", name, file.path_text, generation, self.host)
            probed |= {
                doc_id: identity for line in first for doc_id in (identity.id_of(line), identity.own_id_of(line))
            }
        ids = list(probed)
        stored = self.sender.retry(lambda: ship_target.stored(self.sender.es, self.config.stream, ids))
        ours = Counter(
            probed[doc_id].generation
            for doc_id, documents in stored.items()
            if any(probed[doc_id].is_of(document.path, document.host) for document in documents)
        )
        return max(ours, key=lambda generation: (ours[generation], generation), default=fresh)
