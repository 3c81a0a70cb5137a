"""The worker: rounds over the pending documents, until it is stopped.

    ┌─▶ ask for the model ──▶ anything pending? ──▶ point in time ──▶ lanes, each with its slice ──▶ nothing left ──┐
    │         │                     │  no ────────────────│─────────────────│──────────────────────────────────▶ │
    │         └─────────────────────┴─── server error ────┴─────────────────┘                           poll_interval_s
    │                                        │ wait, twice as long each time; the documents stay pending            │
    └────────────────────────────────────────┴──────────────────────────────────────────────────────────────────────┘

It can be killed at any moment. The pending documents are in Elasticsearch, and they alone decide what is done next.
"""

from __future__ import annotations

import logging
import random
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import replace

from elasticsearch import Elasticsearch

from common.backoff import Backoff
from contract.errors import EngineUnavailableError, ServerError
from watcher.elastic_faults import IndexMissingError, PointInTimeLostError
from watcher.enrich.active_model import ActiveModel, ModelChangedError
from watcher.enrich.bisect import name_some
from watcher.enrich.circuit_breaker import Breaker
from watcher.enrich.client import EnrichClient, client_of
from watcher.lane import Found, Lane, Round, run_lanes
from watcher.monitor.blocked_indices import Blocked
from watcher.monitor.facts import Facts
from watcher.monitor.reporter import reporting
from watcher.monitor.transition_log import FOR_A_PERSON, Condition
from watcher.read.hit import Hit
from watcher.read.page_size import Reading
from watcher.read.poll import EARLIER_FIELDS, PointInTime, Wanted, is_anything_pending, pending_query
from watcher.read.readable_indices import Reach, refresh
from watcher.read.remembered import STALE_S, Memory
from watcher.read.slices import combined
from watcher.read.source_filters import SourceFilters
from watcher.read.work_sharing import Share
from watcher.settings import WatchRun
from watcher.totals import Totals, most_common
from watcher.write.suppression import Suppression
from watcher.write.writer import Shared

log = logging.getLogger(__name__)


def run(es: Elasticsearch, watch: WatchRun, *, stop: threading.Event, rng: random.Random | None = None) -> Totals:
    """Predict every pending document until `stop` is set; with `watch.once`, until nothing is pending.

    It waits for servers that fail, and never raises their errors. With `watch.once`, an error that lasts ends the run,
    and `Totals.trouble` says why. After `stop` is set it finishes the current batch, unless the enrich service takes
    too long.
    """
    settings = watch.settings
    client = client_of(watch.shared, timeout_s=settings.request_timeout_s, stop=stop, connections=settings.slices)
    executor = ThreadPoolExecutor(2 * settings.slices, thread_name_prefix="elasticsearch")  # to read and to write
    try:
        with closing(client):
            return _Watcher(es, watch, client, executor, stop=stop, rng=rng).run()
    finally:
        executor.shutdown(wait=False, cancel_futures=True)  # it does not wait for a request that hangs


class _Watcher:
    """One run of the loop."""

    def __init__(
        self,
        es: Elasticsearch,
        watch: WatchRun,
        client: EnrichClient,
        executor: ThreadPoolExecutor,
        *,
        stop: threading.Event,
        rng: random.Random | None,
    ) -> None:
        self._es, self._watch, self._stop = es, watch, stop
        settings = self._settings = watch.settings
        self._index = watch.shared.documents
        self._totals, self._condition, self._breaker = Totals(), Condition(), Breaker()
        self._blocked = Blocked(watch.blocked_s)
        self._facts = Facts(watch, totals=self._totals, breaker=self._breaker, blocked=self._blocked)
        self._backoff = Backoff(settings.backoff_s, settings.max_backoff_s, rng=rng)
        self._share, self._models = Share(rng), ActiveModel(client, watch.datasets)
        self._reach = Reach(es, self._index, again_s=watch.blocked_s)
        self._filters = SourceFilters(es, self._blocked)
        self._reading, self._lock = Reading(), threading.Lock()
        suppression = Suppression(watch.shared.suppress)
        self._more_fields = (*suppression.fields, *EARLIER_FIELDS)
        shared = Shared(watch, Memory(), self._totals, self._facts, self._blocked, self._filters, stop, suppression)
        self._lanes = [Lane(es, client, self._models, shared, executor) for _ in range(settings.slices)]

    def run(self) -> Totals:
        log.info(
            "watching %s, predictions from %s",
            self._index,
            self._watch.shared.enrich_url,
            extra={
                "event.action": "start",
                "watcher.id": self._facts.id,
                "watcher.index": self._index,
                "watcher.page_size": self._settings.page_size,
            },
        )
        with reporting(self._es, self._watch, self._facts):
            with suppress(ServerError):  # each index is checked before a write; this reports problems early
                self._filters.check_all(self._index)
            while not self._stop.is_set() and self._next():
                pass
            self._facts.stops()
        self._log_end()
        return self._totals

    def _next(self) -> bool:
        """Run one round and the wait after it. False: a run with `once` has ended."""
        try:
            done = self._round()
        except (PointInTimeLostError, ModelChangedError) as reason:
            if self._backoff.tries and not self._wait(reason):  # the second time without progress
                return False
            log.info("%s", reason, extra={"event.action": "read-again"})
            self._stop.wait(self._backoff.next_s())
            return True
        except ServerError as error:
            self._share.whole()
            return self._wait(error)
        return self._after(done)

    def _after(self, done: Found) -> bool:
        self._succeeded()
        if done.contended:
            self._share.split()
        last = self._share.now is None and not done.contended
        if self._watch.once and done.nothing_left and last:
            troubles = (_unanswered(done.unanswered), self._totals.unwritable, self._still_blocked())
            self._totals.trouble = "; ".join(filter(None, troubles)) or None
            return False
        if not done.progress and last:
            self._facts.idles()
            self._stop.wait(self._settings.poll_interval_s)
        return True

    def _round(self) -> Found:
        """Process what is pending now, or a slice of it. The next round processes what arrives meanwhile."""
        part = self._share.next_round()
        self._breaker.trying()
        model = self._models.prepare()
        self._facts.model = model
        refreshed = (self._watch.once or part is not None) and refresh(self._es, self._index)
        without = self._blocked.now()
        settled_before = self._totals.settled
        this_round = Round(model, 0.0 if refreshed else STALE_S, self._succeeded)
        if self._reach.is_anything_pending(without=without):
            wanted = Wanted(
                pending_query(without=without),
                (*model.fields, *self._more_fields),
                self._settings.page_size,
                self._settings.page_bytes,
                part=combined(self._settings.share, part),
                stable=self._settings.share is not None,
                reading=self._reading,
            )
            with PointInTime(self._es, self._index, keep_alive_s=self._settings.pit_keep_alive_s) as point:
                self._read(point, wanted, this_round)
        else:
            self._share.whole()
            self._breaker.answered()  # it answered which model it has, and there is nothing else to ask
        done = this_round.found
        done.progress = self._totals.settled - settled_before
        if part is None and not done.contended:
            self._totals.quarantined = done.quarantined
            self._totals.unwritable = _unwritable(done.unwritable)
        return done

    def _read(self, point: PointInTime, wanted: Wanted, this_round: Round) -> None:
        """Run the lanes. A watcher with a share and nothing to do then helps with late documents of other shares."""
        lanes = self._lanes
        if not self._breaker.is_closed:  # one request tries the service; if it answers, all lanes continue
            lanes = lanes[:1]
            this_round = replace(this_round, on_success=lambda: self._recovered(this_round.over))
        run_lanes(lanes, point, wanted, this_round)
        idle = not this_round.found.fresh and not self._watch.once and not self._stop.is_set()
        if self._settings.share is not None and idle:
            late = pending_query(without=self._blocked.now(), arrived_before_s=self._watch.help_after_s)
            run_lanes(lanes[:1], point, replace(wanted, query=late, part=None), this_round)

    def _recovered(self, over: threading.Event) -> None:
        self._succeeded()
        if len(self._lanes) > 1:
            over.set()

    def _succeeded(self) -> None:
        with self._lock:
            self._condition.good()
            self._backoff.reset()

    def _wait(self, error: ServerError) -> bool:
        """Wait before the next try. False: a watcher with `once` gives up."""
        self._condition.bad(error)
        self._facts.waits(error)
        for_a_person = isinstance(error, FOR_A_PERSON)
        if not isinstance(error, EngineUnavailableError):
            self._models.forget()  # the service may return with another model, and asking for it is the cheapest try
            self._breaker.failed()
        hopeless = for_a_person or isinstance(error, IndexMissingError)
        if self._watch.once and (hopeless or self._backoff.tries + 1 >= self._watch.once_tries):
            if isinstance(error, IndexMissingError) or self._may_anything_be_pending():
                self._totals.trouble = str(error)
            return False
        wait_s = self._backoff.next_s(error.retry_after_s)
        self._stop.wait(self._settings.max_backoff_s if for_a_person else wait_s)
        return True

    def _may_anything_be_pending(self) -> bool:
        """Whether something is pending; True if Elasticsearch does not answer."""
        try:
            return is_anything_pending(self._es, self._index)
        except ServerError:
            return True

    def _still_blocked(self) -> str | None:
        """Return why a watcher with `once` leaves documents in indices that accept no writes."""
        reasons = self._blocked.reasons()
        if not reasons or not self._may_anything_be_pending():
            return None
        return f"documents stay pending where Elasticsearch takes no updates: {reasons}; then run the watcher again"

    def _log_end(self) -> None:
        counts = {f"watcher.total.{outcome}": count for outcome, count in self._totals.outcomes.items()}
        words = ", ".join(f"{count} {outcome}" for outcome, count in self._totals.outcomes.items() if count)
        log.info(
            "watcher ends: %s, %d quarantined",
            words or "no document",
            self._totals.quarantined,
            extra={"event.action": "end", "watcher.total.parked": self._totals.quarantined, **counts},
        )


def _unwritable(reasons: Counter[str]) -> str | None:
    """Describe the documents that stay pending because they cannot be written; None if there are none."""
    if not reasons:
        return None
    count = reasons.total()
    return (
        f"{count:,} {'document' if count == 1 else 'documents'} cannot be written and stay pending "
        f"({most_common(reasons)}); "
        f"change the mapping or the documents, then run the watcher again"
    )


def _unanswered(hits: list[Hit]) -> str | None:
    """Describe the documents that stay pending because the enrich service fails on them; None if there are none."""
    if not hits:
        return None
    return (
        f"the enrich service fails on {len(hits)} documents, which are left pending: {name_some(hits)}; "
        f"look at its log, fix it or the documents, and run the watcher again"
    )
