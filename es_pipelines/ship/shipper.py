"""Send files of raw lines to Elasticsearch: every line once, whatever stops or restarts in between.

    file ──▶ rows ──▶ events ──▶ batches ──▶ bulk create ──▶ outcomes ──▶ registry: acknowledged up to here
      ▲                              │        several at a      in order
      │                              │        time
      │                              └─ in doubt: an `ids` query first
      └── from the acknowledged offset

In doubt are the first lines after a start (a killed process may have sent them) and all lines of a file that the
registry does not know, if the stream has documents.
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
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

from elasticsearch import Elasticsearch

from contract.errors import UnreadableFileError
from es_pipelines.reading.header import KDD, Known
from es_pipelines.reading.lines import Line, batches
from es_pipelines.reading.open_file import OpenFile, check
from es_pipelines.reading.rows import Row, Rows, What
from es_pipelines.ship import registry as registries
from es_pipelines.ship import target as ship_target
from es_pipelines.ship.events import Event, Identity, event_of, shown
from es_pipelines.ship.files import advanced, beside, identity_of, missed, place, renamed, start_of
from es_pipelines.ship.in_flight import Pace, in_order
from es_pipelines.ship.registry import Entry, Registry
from es_pipelines.ship.report import FileReport, Outcome, Progress, ShipReport, note
from es_pipelines.ship.send import Sender, apart_of
from es_pipelines.ship.server_wait import Patience, Stopped
from es_pipelines.ship.usable_rows import Judge

__all__ = ["FileReport", "Progress", "ShipConfig", "ShipReport", "Shipper", "session", "ship"]

ALONE_BYTES = 1024 * 1024
"""A document that large is sent in a request of its own."""
DOUBT_LINES = 10_000
"""Lines after a start that a killed process may have sent: as many as the largest batch, or as all that are on their
way.
"""
NOT_SENT = {What.HEADER: Outcome.HEADER, What.BLANK: Outcome.BLANK}
"""Outcome of a line that is no event."""
PROBED_LINES, PROBED_GENERATIONS = 16, 16
"""To find a file's generation in the stream: so many first lines, under so many generations."""


log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ShipConfig:
    """What to ship as whom, and how."""

    stream: str
    """Data stream or index."""
    state: Path
    """Folder of the registry."""
    user: str | None = None
    """`user.id`; None: the stem of each file's name."""
    observer: str | None = None
    """`observer.name`; None: the stem of each file's name."""
    host: str | None = None
    """`host.name`; None: this machine's."""
    batch_size: int = 1_000
    batch_bytes: int = 4 * 1024 * 1024
    in_flight: int = 4
    """Bulk requests at a time; fewer where their lines together would be more than `DOUBT_LINES`."""
    rate: float | None = None
    """Lines a second at most; None: as fast as it goes."""
    complete: bool = True
    """A last line without a line end counts; False: it waits, because the file is still being written."""
    delimiter: str | None = None
    """Between two columns; None: recognised."""
    known: Known = KDD
    """The model's columns and labels."""
    follow_symlinks: bool = False
    """Read files that are symbolic links, or that are reached through another user's."""
    timeout_s: float | None = None
    """Give up after so long without any answer; None: never."""
    backoff_s: float = 0.5
    max_backoff_s: float = 30.0


def ship(
    es: Elasticsearch,
    files: Sequence[Path],
    config: ShipConfig,
    *,
    on_progress: Callable[[Progress], None] | None = None,
    stop: threading.Event | None = None,
) -> ShipReport:
    """Ship what is new in some files. May be called again and again while they grow.

    Args:
        es: client of the cluster; only `bulk`, `search`, `mget` and index metadata are used.
        files: regular files of lines; all are looked at before the first is shipped. One that cannot be read is named
        in the
            report, and the others are shipped.
        config: what to ship as whom, and how.
        on_progress: called after each batch.
        stop: set by another thread or a signal: ends after the batch in hand; the next call goes on there.
    Raises:
        InputError: the stream is not provisioned, another process ships there.
        EngineUnavailableError: no answer for `timeout_s`.
    """
    checked = check(files, follow_symlinks=config.follow_symlinks)
    report = ShipReport()
    if checked.problems and not checked.paths:
        report.refuse(checked.problems)
        return report
    with suppress(Stopped), session(es, config, on_progress=on_progress, stop=stop) as shipper:
        report = shipper.report
        report.refuse(checked.problems)
        shipper.named = {Path(os.path.abspath(path)) for path in checked.paths}  # noqa: PTH100  as `OpenFile` has it
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
    """A shipper that holds the registry of its stream; with `registered=False` it ships no files and needs none.

    Raises:
        InputError: the stream is not provisioned, or another process ships there.
    """
    patience = Patience(config.backoff_s, config.max_backoff_s, config.timeout_s, stop or threading.Event())
    sender = Sender(es, config.stream, patience)
    with ship_target.explained(config.stream):
        target = sender.patiently(lambda: ship_target.find(sender.es, config.stream), at_start=True)
        note = sender.patiently(lambda: ship_target.closed_note(sender.es, config.stream), at_start=True)
        if note:
            log.warning("%s", note)
        with ExitStack() as stack:
            registry = Registry(config.state)
            if registered:
                opened = registries.opened(config.state, cluster=target.cluster, stream=config.stream)
                registry = stack.enter_context(opened)
            pool = ThreadPoolExecutor(config.in_flight, thread_name_prefix="ship")
            try:
                yield Shipper(sender, target, registry, config, on_progress, pool)
            finally:
                patience.end()
                pool.shutdown(cancel_futures=True)


class Shipper:
    """Ships files to one stream, one batch at a time."""

    def __init__(
        self,
        sender: Sender,
        target: ship_target.Target,
        registry: Registry,
        config: ShipConfig,
        on_progress: Callable[[Progress], None] | None,
        pool: Executor,
    ) -> None:
        self._pool, self._pace = pool, Pace(config.rate, sender.patience.stop)
        self.sender, self.registry, self.config = sender, registry, config
        self.report = ShipReport()
        self.held: set[tuple[int, int]] = set()
        """Files that were rotated away and are still there, whatever path leads to them."""
        self.host = socket.gethostname() if config.host is None else config.host
        self._began = time.monotonic()
        self._on_progress = on_progress
        self._reports: dict[tuple[int, int], FileReport] = {}
        self._doubt: dict[tuple[int, int], float] = {}
        self._remarks: dict[tuple[int, int], list[str]] = {}
        self.judge = Judge(sender.es, config.stream)
        self.named: set[Path] = set()
        """Files that are shipped anyway, under their own paths."""
        self._has_documents = target.exists and self._look()
        self._made_anew = target.was_made_anew(registry)
        if self._made_anew:
            registry.forget_offsets()
        if target.exists:
            registry.index_uuid, registry.index_number = target.index_uuid, target.index_number

    def _look(self) -> bool:
        """Whether the stream has documents that we may look at."""
        empty = self.sender.patiently(lambda: ship_target.is_empty(self.sender.es, self.config.stream))
        if empty is None:
            self.sender.may_look = False
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
        """Whether somebody asked to end."""
        return self.sender.patience.stop.is_set()

    def begin(self, key: tuple[int, int], report: FileReport, *, in_doubt: bool) -> None:
        """Take in a source of lines that is no file; `in_doubt`: the stream may have some of them."""
        self.report.files.append(report)
        self._doubt[key] = float("inf") if in_doubt else 0

    def count(self, report: FileReport, outcomes: list[Outcome], batch: list[Event]) -> None:
        """Add a settled batch to the report, and tell of it."""
        self.report.seconds = time.monotonic() - self._began
        report.add(outcomes, batch)
        if self._on_progress is not None:
            self._on_progress(Progress(report.path, report.bytes, 0, self.report))

    def ship_path(self, path: Path) -> None:
        """Ship what is new in a file; before it, what was left in the one that it replaced."""
        with self.report.noting(path), self.open(path) as file:
            with self.report.noting(path):
                self.ship_before(file)
            self.ship_file(file, complete=self.config.complete)

    def open(self, path: Path) -> OpenFile:
        """A file to ship.

        Raises:
            UnreadableFileError: it cannot be read, or is no regular file.
        """
        return OpenFile(path, follow_symlinks=self.config.follow_symlinks)

    def ship_before(self, file: OpenFile) -> None:
        """Ship what is left in the file that had this one's path before it was renamed."""
        last = self.registry.last_at(file.shown, self.config.observer)
        before = renamed(file, self.registry, self.config.observer)
        if before is not None:
            with before:
                self.ship_file(before, complete=True)
        if last is not None and (last.device, last.inode) != file.key:
            names = [shown(path.name) for path in missed(file, self.registry) if path not in self.named]
            if names:
                text = f"rotated more than once since the last run; not shipped: {', '.join(names)}"
                self._remarks.setdefault(file.key, []).append(text)

    def ship_file(self, file: OpenFile, *, complete: bool) -> None:
        """Ship what is new in an open file, until its end as it is now.

        Raises:
            Stopped: asked to stop while Elasticsearch was away; otherwise it returns after the batch in hand.
        """
        entry, report = self._place(file)
        identity = identity_of(entry, self.config.user, self.host)
        rows = self._rows_of(file, entry, complete=complete)
        for batch, outcomes in self.settled(rows, identity, file.key):
            events_in = len(outcomes) - outcomes.count(Outcome.HEADER) - outcomes.count(Outcome.BLANK)
            entry = self.registry.replace(entry, advanced(file, entry, batch, events_in))
            self._acknowledge(report, outcomes, batch)
            if complete:
                self.judge.look(file.key, batch, outcomes)
            if self._on_progress is not None:
                self._on_progress(Progress(file.shown, entry.offset, file.length, self.report))
        if self.stopped:
            return
        report.note = note(report, empty=file.is_empty, remarks=self._remarks.get(file.key, ()))
        if complete:
            report.unusable = self.judge.verdict(file.key, file.shown, report, rotated=self.registry.had_events(entry))

    def _rows_of(self, file: OpenFile, entry: Entry, *, complete: bool) -> Iterator[Row]:
        """What is new in a file; what was shipped before tells what its columns are."""
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
        last = self.registry.last_at(file.shown, self.config.observer)
        entry, known = place(
            self.registry,
            file,
            self.config.observer,
            is_alive=lambda other: (other.device, other.inode) in self.held or bool(beside(other)),
            next_generation=lambda observer, name: self._generation(file, observer, name),
        )
        if last is not None and not known:
            text = "its content is not what was shipped from this path before: shipped from the start"
            self._remarks.setdefault(file.key, []).append(text)
        if not known:  # before the first line is sent: killed then, and renamed, it must still be known by its inode
            self.registry.save()
        if file.key not in self._reports:
            self._reports[file.key] = FileReport(file.shown, already_there=entry.events)
            self.report.files.append(self._reports[file.key])
            whole = self._made_anew or not known
            self._doubt[file.key] = float("inf") if whole and self._has_documents else DOUBT_LINES
        return entry, self._reports[file.key]

    def settled(
        self, rows: Iterable[Row], identity: Identity, key: tuple[int, int], *, whole: bool = False
    ) -> Iterator[tuple[list[Event], list[Outcome]]]:
        """Send lines, several batches at a time, and give each batch with its outcomes, in the order of the lines.

        Args:
            rows: of one source.
            identity: whose they are.
            key: the source, as the registry knows files.
            whole: they cannot be read again, so all are sent also where somebody asks to end meanwhile.
        """
        config = self.config
        count = config.batch_size if config.rate is None else max(1, min(config.batch_size, int(config.rate)))
        made = batches(
            (event_of(identity, row.line, row) for row in rows),
            lambda event: len(event.source) + len(event.id) + 40,
            max_count=count,
            max_bytes=config.batch_bytes,
            alone_bytes=ALONE_BYTES,
        )
        marked = ((batch, self._in_doubt(key, len(batch))) for batch in made)
        limit = max(1, min(config.in_flight, DOUBT_LINES // count))
        settle = partial(self._settle, identity)
        for (batch, _), outcomes in in_order(
            marked, settle, self._pool, limit=limit, stopped=lambda: self.stopped and not whole
        ):
            yield batch, outcomes

    def _in_doubt(self, key: tuple[int, int], count: int) -> bool:
        """Whether the next lines of a file may be in the stream already; waits for their turn where there is a rate."""
        self._pace.wait(count)
        doubt = self._has_documents and self._doubt[key] > 0
        self._doubt[key] -= count
        return doubt

    def _settle(self, identity: Identity, work: tuple[list[Event], bool]) -> list[Outcome]:
        """Outcome of each event; those in doubt are looked up before they are sent."""
        batch, in_doubt = work
        if not self.sender.may_look:
            batch = [apart_of(event, identity) for event in batch]
        events = [event for event in batch if event.row.what is What.EVENT]
        located = self.sender.located(events, identity) if in_doubt and events else [(event, False) for event in events]
        fresh = [event for event, known in located if not known]
        sent = iter(self.sender.deliver(fresh, identity) if fresh else [])
        of_events = iter([Outcome.ALREADY_THERE if known else next(sent) for _, known in located])
        return [NOT_SENT.get(event.row.what) or next(of_events) for event in batch]

    def _acknowledge(self, report: FileReport, outcomes: list[Outcome], batch: list[Event]) -> None:
        if not self.registry.index_uuid:  # the first events made the stream
            target = self.sender.patiently(lambda: ship_target.find(self.sender.es, self.config.stream))
            self.registry.index_uuid, self.registry.index_number = target.index_uuid, target.index_number
        self.registry.save()
        self.report.seconds = time.monotonic() - self._began
        report.add(outcomes, batch)

    def _generation(self, file: OpenFile, observer: str, name: str) -> int:
        """The generation under which the stream has a file's first lines, else the first one that none of ours has.

        What other files of this name have there does not count: lines that meet theirs get ids of their own.
        """
        taken = self.registry.generations(observer, name)
        fresh = max(taken, default=-1) + 1
        if not self._has_documents:
            return fresh
        first: list[Line] = []
        with suppress(UnreadableFileError):  # shipping comes there again, and says so
            rows = map(self._rows(file).take, file.lines(0, complete=True))
            first.extend(islice((row.line for row in rows if row.what is What.EVENT), PROBED_LINES))
        probed: dict[str, Identity] = {}
        for generation in set(range(PROBED_GENERATIONS)) - taken:
            identity = Identity(observer, "", name, file.shown, generation, self.host)
            probed |= {
                doc_id: identity for line in first for doc_id in (identity.id_of(line), identity.own_id_of(line))
            }
        ids = list(probed)
        found = self.sender.patiently(lambda: ship_target.stored(self.sender.es, self.config.stream, ids))
        ours = Counter(
            probed[doc_id].generation
            for doc_id, documents in found.items()
            if any(probed[doc_id].is_of(one.path, one.host) for one in documents)
        )
        return max(ours, key=lambda generation: (ours[generation], generation), default=fresh)
