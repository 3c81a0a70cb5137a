"""The lanes of one round: slices of one point in time, each in a thread of its own.

    point in time ──┬──▶ lane 1 of 3 ──┐
                    ├──▶ lane 2 of 3 ──┼──▶ what they found together, or the first error
                    └──▶ lane 3 of 3 ──┘

A lane reads, enriches and writes at the same time:

    reader thread   page 3 ──▶ ┐
    lane            ◀──────────┴─▶ page 2: admit ──▶ enrich ──▶ ┐
    writer thread                                               └─▶ page 1: bulk request

At most three pages are in memory. Only the lane makes decisions, so the result is the same as with one page at a time.
If a lane meets an error, another watcher or a stop, the round ends for all lanes after their current pages.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace

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
from watcher.read.slices import Slice, combined
from watcher.read.work_sharing import is_contended
from watcher.write.writer import Shared, Writer

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Found:
    """What the lanes of one round found. The first three count hits, as in `watcher.read.remembered`."""

    fresh: int = 0
    stale: int = 0
    quarantined: int = 0
    progress: int = 0
    """Documents that the lanes enriched or failed."""
    contended: bool = False
    """Another watcher works on the same documents."""
    unanswered: list[Hit] = field(default_factory=list)
    """The quarantined documents on which the enrich service failed."""
    unwritable: Counter[str] = field(default_factory=Counter)
    """Quarantined documents that cannot be written, by reason."""

    @property
    def nothing_left(self) -> bool:
        """Whether only quarantined documents are pending."""
        return not self.fresh and not self.stale


@dataclass(frozen=True, slots=True)
class Round:
    """What all lanes of a round share."""

    model: Model
    """The model whose fields the pages hold."""
    stale_s: float
    """How long the search may be behind."""
    on_success: Callable[[], None]
    """Called when a batch is written."""
    over: threading.Event = field(default_factory=threading.Event)
    """Set by a lane that ends the round for all."""
    found: Found = field(default_factory=Found)
    lock: threading.Lock = field(default_factory=threading.Lock)
    """Held while a lane changes `found`."""


class Lane:
    """Processes pages until there are none left, or the round ends.

    Args:
        es: the cluster.
        client: the enrich service.
        models: the active model.
        shared: what all lanes share.
        executor: threads for reading and writing.
    """

    def __init__(
        self, es: Elasticsearch, client: EnrichClient, models: ActiveModel, shared: Shared, executor: ThreadPoolExecutor
    ) -> None:
        self._shared, self._executor = shared, executor
        self.batches = Batches(client, models, shared)
        self._writer = Writer(es, shared, throttle=self.batches.throttle, executor=executor)
        self._successes = 0

    def run(self, point: PointInTime, wanted: Wanted, this_round: Round) -> None:
        """Enrich and write what is wanted of a point in time.

        Raises:
            ServerError: a server failed; the batch that is being written is finished and counted first.
        """
        self.batches.new_round(this_round.model)
        try:
            with contextlib.closing(read_ahead(point.pages(wanted), self._executor)) as pages:
                for page in pages:
                    self._page(page, this_round)
                    if self._shared.stop.is_set() or this_round.over.is_set():
                        break
            self._writer.finish()
            self._check_written(this_round)
        except BaseException as error:
            this_round.over.set()
            if isinstance(error, Exception):
                self._writer.settle()
            raise

    def _page(self, page: list[Hit], this_round: Round) -> None:
        shared = self._shared
        shared.filters.check({hit.index for hit in page})
        blocked = shared.blocked.now()
        hits = [hit for hit in page if hit.index not in blocked] if blocked else page
        admitted = shared.memory.admit(hits, time.monotonic(), stale_s=this_round.stale_s)
        skipped = [*admitted.quarantined, *admitted.looping]
        with this_round.lock:
            found = this_round.found
            found.fresh += len(admitted.fresh)
            found.stale += len(admitted.stale)
            found.quarantined += len(skipped)
            found.unanswered += filter(shared.memory.unanswered, admitted.quarantined)
            found.unwritable.update(filter(None, map(shared.memory.reason, skipped)))
        if admitted.looping:
            log.error(
                "%d documents are still pending after their prediction was written, probably because they have "
                "`oversight.status` both nested and dotted: %s; the watcher skips them; index them through the "
                "pipeline of %s, or nest the field",
                len(admitted.looping),
                name_some(admitted.looping),
                hints.run("provision"),
                extra={
                    "event.action": "park",
                    "event.outcome": "failure",
                    "watcher.parked": len(admitted.looping),
                },
            )
        if not admitted.fresh:
            return
        shared.facts.works()
        self.batches.run(admitted.fresh, self._writer)
        self._check_written(this_round)

    def _check_written(self, this_round: Round) -> None:
        """Check what was written since the last call, usually the page before the current one."""
        if is_contended(*self._writer.take_conflicts()):
            this_round.found.contended = True
            this_round.over.set()
        if self._writer.successes > self._successes:
            self._successes = self._writer.successes
            this_round.on_success()


def read_ahead(
    pages: Generator[list[Hit], None, None], executor: ThreadPoolExecutor
) -> Generator[list[Hit], None, None]:
    """Return the same pages, and read the next one meanwhile."""
    try:
        coming = executor.submit(next, pages, None)
        while (page := coming.result()) is not None:
            coming = executor.submit(next, pages, None)
            yield page
    finally:
        with contextlib.suppress(ServerError):
            coming.result()
        pages.close()


def run_lanes(lanes: Sequence[Lane], point: PointInTime, wanted: Wanted, this_round: Round) -> None:
    """Run each lane on its slice of what is wanted. Returns when all lanes have ended.

    Raises:
        ServerError: the error of the first lane that met one; the others have finished their current pages.
    """
    if len(lanes) == 1:
        lanes[0].run(point, wanted, this_round)
        return
    part = None if wanted.part is None else Slice(*wanted.part)
    with ThreadPoolExecutor(len(lanes), thread_name_prefix="lane") as executor:
        running: list[Future[None]] = []
        for number, lane in enumerate(lanes):
            share = replace(wanted, part=combined(part, Slice(number, len(lanes))))
            running.append(executor.submit(lane.run, point, share, this_round))
    for each in running:
        each.result()
