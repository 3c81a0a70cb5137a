"""The worker: rounds over what is pending, until it is told to stop.

    ┌─▶ model known? ──▶ anything pending? ──▶ point in time ──▶ lanes, each with its slice ──▶ nothing more ──┐
    │         │                 │  no ────────────────│─────────────────│───────────────────────────────────▶ │
    │         └─────────────────┴── a server's fault ─┴─────────────────┘                             poll_interval_s
    │                                  │ waits that double; the documents stay pending                         │
    └──────────────────────────────────┴───────────────────────────────────────────────────────────────────────┘

It can be killed at any moment: what is pending is in Elasticsearch, and nothing else decides what is done next.
"""

from __future__ import annotations

import contextlib
import logging
import random
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace

from elasticsearch import Elasticsearch

from common.backoff import Backoff
from contract.errors import EngineUnavailableError, ServerError
from watcher.elastic_faults import IndexMissingError, PageTooLargeError, PointInTimeLostError
from watcher.enrich.active_model import ActiveModel, ModelChangedError
from watcher.enrich.bisect import name_some
from watcher.enrich.circuit_breaker import Breaker
from watcher.enrich.client import EnrichClient, client_of
from watcher.lane import Found, Lane, Order
from watcher.lanes import run_lanes
from watcher.monitor.blocked_indices import Blocked
from watcher.monitor.facts import Facts
from watcher.monitor.reporter import pulsing
from watcher.monitor.transition_log import FOR_A_PERSON, Condition
from watcher.read.hit import Hit
from watcher.read.page_size import Reading
from watcher.read.poll import PointInTime, Wanted, is_anything_pending
from watcher.read.readable_indices import Reach, refresh
from watcher.read.remembered import STALE_S, Memory
from watcher.read.slices import combined
from watcher.read.source_filters import KeptIndices
from watcher.read.work_sharing import Share
from watcher.settings import WatchRun
from watcher.totals import Totals, most_common
from watcher.write.bulk import asked_to_wait_s
from watcher.write.suppression import Suppression
from watcher.write.writer import Shared

log = logging.getLogger(__name__)


def run(es: Elasticsearch, config: WatchRun, *, stop: threading.Event, rng: random.Random | None = None) -> Totals:
    """Give every pending document its prediction until `stop` is set; with `config.once`, until nothing is pending.

    Faults of servers are waited out, never raised; with `config.once` a lasting one ends the run and is in
    `Totals.trouble`. After `stop` is set the batch in hand is finished, unless the enrich service holds it for long.
    """
    settings = config.settings
    client = client_of(config.shared, timeout_s=settings.request_timeout_s, stop=stop, connections=settings.slices)
    with closing(client), _executor(settings.slices) as executor:
        return _Watcher(es, config, client, executor, stop=stop, rng=rng).run()


class _Watcher:
    """One run of the loop."""

    def __init__(
        self,
        es: Elasticsearch,
        config: WatchRun,
        client: EnrichClient,
        executor: ThreadPoolExecutor,
        *,
        stop: threading.Event,
        rng: random.Random | None,
    ) -> None:
        self._es, self._config, self._stop = es, config, stop
        settings = self._settings = config.settings
        self._index = config.shared.documents
        self._totals, self._condition, self._breaker = Totals(), Condition(), Breaker()
        self._blocked = Blocked(config.blocked_s)
        self._facts = Facts(config, totals=self._totals, breaker=self._breaker, blocked=self._blocked)
        self._backoff = Backoff(settings.backoff_s, settings.max_backoff_s, rng=rng)
        self._share, self._models = Share(rng), ActiveModel(client)
        self._reach, self._kept = Reach(es, self._index, again_s=config.blocked_s), KeptIndices(es, self._blocked)
        self._page_size, self._looked, self._lock = settings.page_size, False, threading.Lock()
        self._reading, suppression = Reading(), Suppression(config.shared.suppress)
        self._suppressing = suppression.fields
        shared = Shared(config, Memory(), self._totals, self._facts, self._blocked, self._kept, stop, suppression)
        self._lanes = [Lane(es, client, self._models, shared, executor) for _ in range(settings.slices)]

    def run(self) -> Totals:
        log.info(
            "watching %s, predictions from %s",
            self._index,
            self._config.shared.enrich_url,
            extra={
                "event.action": "start",
                "watcher.id": self._facts.id,
                "watcher.index": self._index,
                "watcher.page_size": self._settings.page_size,
            },
        )
        with pulsing(self._es, self._config, self._facts):
            while not self._stop.is_set() and self._goes_on():
                pass
            self._facts.stops()
        self._say_goodbye()
        return self._totals

    def _goes_on(self) -> bool:
        """One round and the wait after it; False at the end of a run with an end."""
        try:
            done = self._round()
        except PageTooLargeError as fault:
            log.warning("%s", fault, extra={"event.action": "read-anew"})
            self._page_size = fault.limit
        except (PointInTimeLostError, ModelChangedError) as reason:
            if self._backoff.tries and not self._wait_out(reason):  # again, with nothing done in between
                return False
            log.info("%s", reason, extra={"event.action": "read-anew"})
            self._stop.wait(self._backoff.next_s())
        except ServerError as fault:
            self._share.whole()
            if not self._wait_out(fault):
                return False
        else:
            return self._after(done)
        return True

    def _after(self, done: Found) -> bool:
        self._all_is_well()
        if done.contended:
            self._share.split()
        last = self._share.now is None and not done.contended
        if self._config.once and done.nothing_left and last:
            troubles = (_unanswered(done.unanswered), self._totals.unwritable, self._untouchable())
            self._totals.trouble = "; ".join(filter(None, troubles)) or None
            return False
        if not done.progress and last:
            self._facts.idles()
            self._stop.wait(self._settings.poll_interval_s)
        return True

    def _round(self) -> Found:
        """What is pending now, or a slice of it; what arrives meanwhile is the next round's."""
        part = self._share.next_round()
        self._breaker.trying()
        model = self._models.prepare()
        self._facts.model = model
        refreshed = (self._config.once or part is not None) and refresh(self._es, self._reach.index)
        self._look_first()
        without = self._blocked.now()
        done = Found()
        if self._reach.is_anything_pending(without=without):
            wanted = Wanted(
                (*model.fields, *self._suppressing),
                self._page_size,
                self._settings.page_bytes,
                combined(self._settings.share, part),
                without=without,
                stable=self._settings.share is not None,
                reading=self._reading,
            )
            stale_s = 0.0 if refreshed else STALE_S
            with PointInTime(self._es, self._reach.index, keep_alive_s=self._settings.pit_keep_alive_s) as point:
                done = self._read(point, wanted, Order(model, stale_s, self._all_is_well))
        else:
            self._share.whole()
            self._breaker.answered()  # it has told its model, and there is nothing else to ask
        if part is None and not done.contended:
            self._totals.parked = done.parked
            self._totals.unwritable = _unwritable(done.unwritable)
        return done

    def _look_first(self) -> None:
        """At the watched indices, before anything is read: a person should know at once that one is never written."""
        if self._looked:
            return
        with contextlib.suppress(IndexMissingError):  # there may be an index later; each is looked at before a write
            self._kept.first_look(self._index)
        self._looked = True

    def _read(self, point: PointInTime, wanted: Wanted, order: Order) -> Found:
        """All lanes; then, with nothing to do in its own part, what waits for long in the others'."""
        lanes = self._lanes
        if not self._breaker.is_closed:  # one request tries the service; with an answer all lanes go on
            lanes, order = lanes[:1], replace(order, well=lambda: self._recovered(order.enough))
        done = run_lanes(lanes, point, wanted, order)
        idle = not done.fresh and not self._config.once and not self._stop.is_set()
        if self._settings.share is not None and idle:
            late = replace(wanted, part=None, arrived_before_s=self._config.help_after_s)
            done.add(run_lanes(lanes[:1], point, late, order))
        return done

    def _recovered(self, enough: threading.Event) -> None:
        self._all_is_well()
        if len(self._lanes) > 1:
            enough.set()

    def _all_is_well(self) -> None:
        with self._lock:
            self._condition.good()
            self._backoff.reset()

    def _wait_out(self, fault: ServerError) -> bool:
        """Wait before the next try; False if a watcher with an end gives up."""
        self._condition.bad(fault)
        self._facts.waits(fault)
        for_a_person = isinstance(fault, FOR_A_PERSON)
        if not isinstance(fault, EngineUnavailableError):
            self._models.forget()  # the service may come back with another one; asking it is the cheapest try
            self._breaker.failed()
        hopeless = for_a_person or isinstance(fault, IndexMissingError)
        if self._config.once and (hopeless or self._backoff.tries + 1 >= self._config.once_tries):
            if isinstance(fault, IndexMissingError) or self._may_anything_be_pending():
                self._totals.trouble = str(fault)
            return False
        wait_s = self._backoff.next_s(asked_to_wait_s(fault))
        self._stop.wait(self._settings.max_backoff_s if for_a_person else wait_s)
        return True

    def _may_anything_be_pending(self) -> bool:
        """True also where nobody can say."""
        try:
            return is_anything_pending(self._es, self._reach.index)
        except ServerError:
            return True

    def _untouchable(self) -> str | None:
        """What a watcher with an end says of indices that took no writes."""
        reasons = self._blocked.reasons()
        if not reasons or not self._may_anything_be_pending():
            return None
        return f"documents stay pending where Elasticsearch takes no updates: {reasons}; then run the watcher again"

    def _say_goodbye(self) -> None:
        counts = {f"watcher.total.{outcome}": count for outcome, count in self._totals.outcomes.items()}
        said = ", ".join(f"{count} {outcome}" for outcome, count in self._totals.outcomes.items() if count)
        log.info(
            "watcher ends: %s, %d quarantined",
            said or "no document",
            self._totals.parked,
            extra={"event.action": "end", "watcher.total.parked": self._totals.parked, **counts},
        )


@contextmanager
def _executor(lanes: int) -> Iterator[ThreadPoolExecutor]:
    """Threads for reading and writing, two for each lane; a request that hangs is not waited for."""
    executor = ThreadPoolExecutor(2 * lanes, thread_name_prefix="elasticsearch")
    try:
        yield executor
    finally:
        executor.shutdown(wait=False, cancel_futures=True)


def _unwritable(reasons: Counter[str]) -> str | None:
    """What is said of documents that stay pending because Elasticsearch refuses them, or a prediction would damage
    them.
    """
    if not reasons:
        return None
    count = reasons.total()
    return (
        f"{count:,} {'document' if count == 1 else 'documents'} cannot be written and stay pending "
        f"({most_common(reasons)}); "
        f"change the mapping or the documents, then run the watcher again"
    )


def _unanswered(hits: list[Hit]) -> str | None:
    """What a watcher with an end says of documents that it leaves to a service that fails on them."""
    if not hits:
        return None
    return (
        f"the enrich service fails on {len(hits)} documents, which are left pending: {name_some(hits)}; "
        f"look at its log, fix it or the documents, and run the watcher again"
    )
