"""One lane of a round: its pages, read ahead, enriched and written at the same time.

    reader thread   page 3 ──▶ ┐
    this thread                └─▶ page 2: admit ──▶ enrich ──▶ ┐
    writer thread                                               └─▶ page 1: bulk request

At most three pages are in memory. Only this thread decides anything, so what a page does is as if they came one by one.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from elasticsearch import Elasticsearch

from contract import hints
from contract.errors import ServerError
from watcher.batch import Batches
from watcher.enrich.active_model import ActiveModel
from watcher.enrich.bisect import name_some
from watcher.enrich.client import EnrichClient
from watcher.enrich.responses import Model
from watcher.read.hit import Hit
from watcher.read.poll import PointInTime, Wanted
from watcher.read.work_sharing import is_contended
from watcher.write.writer import Shared, Writer

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Found:
    """What a lane found in one round: documents to enrich, writes that the search does not show yet, documents left
    alone.
    """

    fresh: int = 0
    stale: int = 0
    parked: int = 0
    progress: int = 0
    """Documents that are pending no more, because of us."""
    contended: bool = False
    """Another watcher is at work on the same documents."""
    unanswered: list[Hit] = field(default_factory=list)
    """Of the parked ones, those on which the enrich service failed."""
    unwritable: Counter[str] = field(default_factory=Counter)
    """Parked documents that cannot be written, by reason."""

    def add(self, other: Found) -> None:
        """What another lane found."""
        self.fresh += other.fresh
        self.stale += other.stale
        self.parked += other.parked
        self.progress += other.progress
        self.contended |= other.contended
        self.unanswered += other.unanswered
        self.unwritable += other.unwritable

    @property
    def nothing_left(self) -> bool:
        """Whether nothing is pending but what is left alone."""
        return not self.fresh and not self.stale


@dataclass(frozen=True, slots=True)
class Order:
    """What holds for all lanes of a round."""

    model: Model
    """Whose fields the pages hold."""
    stale_s: float
    """How long the search may be behind."""
    well: Callable[[], None]
    """Called when a batch is written."""
    enough: threading.Event = field(default_factory=threading.Event)
    """Set by a lane that ends the round for all."""


class Lane:
    """Works through pages, and ends as soon as any lane of the round has a reason to.

    Args:
        es: the cluster.
        client: the enrich service.
        models: which model answers.
        shared: what all lanes know together.
        executor: where this lane's reading and writing runs.
    """

    def __init__(
        self, es: Elasticsearch, client: EnrichClient, models: ActiveModel, shared: Shared, executor: ThreadPoolExecutor
    ) -> None:
        self._shared, self._executor = shared, executor
        self.batches = Batches(client, models, shared)
        self._writer = Writer(es, shared, throttle=self.batches.throttle, executor=executor)
        self._went_well = 0

    def run(self, point: PointInTime, wanted: Wanted, order: Order) -> Found:
        """Enrich and write what is wanted of a point in time.

        Args:
            point: the documents as they were.
            wanted: which part of them.
            order: what holds for all lanes of the round.
        Raises:
            ServerError: a server's fault; what was handed to the writer is written and counted all the same.
        """
        found = Found()
        before = self._settled()
        self.batches.new_round(order.model)
        try:
            with contextlib.closing(read_ahead(point.pages(wanted), self._executor)) as reading:
                for page in reading:
                    self._page(page, found, order)
                    if found.contended or self._shared.stop.is_set() or order.enough.is_set():
                        break
            self._writer.finish()
            self._look_back(found, order)
        except BaseException as fault:
            order.enough.set()
            if isinstance(fault, Exception):
                self._writer.settle()
            raise
        if found.contended:
            order.enough.set()
        found.progress = self._settled() - before
        return found

    def _page(self, page: list[Hit], found: Found, order: Order) -> None:
        self._shared.kept.look({hit.index for hit in page})
        blocked = self._shared.blocked.now()
        hits = [hit for hit in page if hit.index not in blocked] if blocked else page
        admitted = self._shared.memory.admit(hits, time.monotonic(), stale_s=order.stale_s)
        found.fresh += len(admitted.fresh)
        found.stale += len(admitted.stale)
        found.parked += len(admitted.parked) + len(admitted.looping)
        found.unanswered += [hit for hit in admitted.parked if self._shared.memory.unanswered(hit)]
        reasons = map(self._shared.memory.reason, (*admitted.parked, *admitted.looping))
        found.unwritable.update(filter(None, reasons))
        if admitted.looping:
            _report_looping(admitted.looping)
        if not admitted.fresh:
            return
        self._shared.facts.works()
        self.batches.run(admitted.fresh, self._writer)
        self._look_back(found, order)

    def _look_back(self, found: Found, order: Order) -> None:
        """At what has been written by now, which is the page before this one."""
        found.contended |= is_contended(*self._writer.take_conflicts())
        if self._writer.went_well > self._went_well:
            self._went_well = self._writer.went_well
            order.well()

    def _settled(self) -> int:
        return self._shared.totals.enriched + self._shared.totals.failed


def read_ahead(
    pages: Generator[list[Hit], None, None], executor: ThreadPoolExecutor
) -> Generator[list[Hit], None, None]:
    """The same pages, the next one read while one is worked on."""
    try:
        coming = executor.submit(next, pages, None)
        while (page := coming.result()) is not None:
            coming = executor.submit(next, pages, None)
            yield page
    finally:
        with contextlib.suppress(ServerError):
            coming.result()
        pages.close()


def _report_looping(hits: list[Hit]) -> None:
    log.error(
        "%d documents are still pending after their prediction was written, probably because they have "
        "`oversight.status` both nested and dotted: %s; the watcher skips them; index them through the pipeline of "
        "%s, or nest the field",
        len(hits),
        name_some(hits),
        hints.run("provision"),
        extra={"event.action": "park", "event.outcome": "failure", "watcher.parked": len(hits)},
    )
