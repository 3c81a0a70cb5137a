"""The worker: rounds over what is pending, until it is told to stop.

    ┌─▶ model known? ──▶ point in time ──▶ page ──▶ batch ──▶ page ──▶ ... ──▶ nothing more ──┐
    │         │                 │            │        │                                       │
    │         └─────────────────┴── a server's fault ─┘                             poll_interval_s
    │                                  │ waits that double; the documents stay pending        │
    └──────────────────────────────────┴───────────────────────────────────────────────────────┘

It can be killed at any moment: what is pending is in Elasticsearch, and nothing else decides what is done next.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from contextlib import closing
from dataclasses import dataclass, field

from elasticsearch import Elasticsearch

from contract.errors import EngineUnavailableError, ServerError
from watcher.backoff import Backoff
from watcher.batch import Batches, ModelChangedError, retry_after_s
from watcher.blame import name_some
from watcher.condition import FOR_A_PERSON, Condition
from watcher.config import Outcome, Totals, WatchConfig
from watcher.engine import IndexMissingError, PointInTimeLostError
from watcher.enrich_client import EnrichClient
from watcher.memory import STALE_S, Memory
from watcher.poll import Hit, count_pending, pages, refresh
from watcher.share import Share

log = logging.getLogger(__name__)


def run(es: Elasticsearch, config: WatchConfig, *, stop: threading.Event, rng: random.Random | None = None) -> Totals:
    """Give every pending document its prediction until `stop` is set; with `config.once`, until nothing is pending.

    Faults of servers are waited out, never raised; with `config.once` a lasting one ends the run and is in
    `Totals.trouble`. After `stop` is set the batch in hand is finished, unless the enrich service holds it for long.
    """
    client = EnrichClient(
        config.enrich_url, token=config.token, ca_certs=config.ca_certs, timeout_s=config.request_timeout_s, stop=stop
    )
    with closing(client):
        return _Watcher(es, config, client, stop, rng).run()


class _Watcher:
    """One run of the loop."""

    def __init__(
        self, es: Elasticsearch, config: WatchConfig, client: EnrichClient, stop: threading.Event,
        rng: random.Random | None,
    ) -> None:  # fmt: skip
        self._es, self._config, self._stop = es, config, stop
        self._memory, self._totals, self._condition = Memory(), Totals(), Condition()
        self._backoff = Backoff(config.backoff_s, config.max_backoff_s, rng=rng)
        self._share = Share(rng)
        self._batches = Batches(es, client, config, memory=self._memory, totals=self._totals, stop=stop, rng=rng)

    def run(self) -> Totals:
        log.info(
            "watching %s, predictions from %s", self._config.index, self._config.enrich_url,
            extra={"event.action": "start", "watcher.index": self._config.index, "watcher.page_size": self._config.page_size},
        )  # fmt: skip
        while not self._stop.is_set():
            try:
                done = self._round()
            except (PointInTimeLostError, ModelChangedError) as reason:
                if self._backoff.tries and not self._wait_out(reason):  # again, with nothing done in between
                    break
                log.info("%s", reason, extra={"event.action": "read-anew"})
                self._stop.wait(self._backoff.next_s())
            except ServerError as fault:
                self._share.whole()
                if not self._wait_out(fault):
                    break
            else:
                self._all_is_well()
                if self._config.once and done.nothing_left and self._share.now is None:
                    self._totals.trouble = _unanswered(done.unanswered)
                    break
                if not done.progress and not done.contended and self._share.now is None:
                    self._stop.wait(self._config.poll_interval_s)
        self._say_goodbye()
        return self._totals

    def _round(self) -> _Round:
        """What is pending now, or a slice of it, page by page; what arrives meanwhile is the next round's."""
        part = self._share.next_round()
        model = self._batches.prepare()
        self._batches.pace.new_round()
        refreshed = (self._config.once or part is not None) and refresh(self._es, self._config.index)
        done = _Round(stale_s=0.0 if refreshed else STALE_S)
        reading = pages(
            self._es, self._config.index,
            fields=model.fields, page_size=self._config.page_size, keep_alive_s=self._config.pit_keep_alive_s,
            part=part,
        )  # fmt: skip
        with closing(reading):
            for page in reading:
                self._page(page, done)
                if done.contended or self._stop.is_set():
                    break
        if part is None and not done.contended:
            self._totals.parked = done.parked
        return done

    def _page(self, page: list[Hit], done: _Round) -> None:
        admitted = self._memory.admit(page, time.monotonic(), stale_s=done.stale_s)
        done.fresh += len(admitted.fresh)
        done.stale += len(admitted.stale)
        done.parked += len(admitted.parked) + len(admitted.looping)
        done.unanswered += [hit for hit in admitted.parked if self._memory.unanswered(hit)]
        if admitted.looping:
            _report_looping(admitted.looping)
        if admitted.fresh:
            before, lost = self._settled(), self._totals.outcomes[Outcome.CONFLICT]
            self._batches.run(admitted.fresh)
            done.progress += self._settled() - before
            conflicts = self._totals.outcomes[Outcome.CONFLICT] - lost
            done.contended = self._share.is_contended(conflicts, len(admitted.fresh))
            self._all_is_well()

    def _settled(self) -> int:
        """Documents that are pending no more, because of us."""
        return self._totals.enriched + self._totals.failed

    def _all_is_well(self) -> None:
        self._condition.good()
        self._backoff.reset()

    def _wait_out(self, fault: ServerError) -> bool:
        """Wait before the next try; False if a watcher with an end gives up."""
        self._condition.bad(fault)
        for_a_person = isinstance(fault, FOR_A_PERSON)
        if not isinstance(fault, EngineUnavailableError):
            self._batches.model = None  # the service may come back with another one; asking it is the cheapest try
        hopeless = for_a_person or isinstance(fault, IndexMissingError)
        if self._config.once and (hopeless or self._backoff.tries + 1 >= self._config.once_tries):
            if isinstance(fault, IndexMissingError) or self._is_anything_pending():
                self._totals.trouble = str(fault)
            return False
        wait_s = self._backoff.next_s(retry_after_s(fault))
        self._stop.wait(self._config.max_backoff_s if for_a_person else wait_s)
        return True

    def _is_anything_pending(self) -> bool:
        """True also where nobody can say."""
        try:
            return count_pending(self._es, self._config.index) > 0
        except ServerError:
            return True

    def _say_goodbye(self) -> None:
        counts = {f"watcher.total.{outcome}": count for outcome, count in self._totals.outcomes.items()}
        said = ", ".join(f"{count} {outcome}" for outcome, count in self._totals.outcomes.items() if count)
        log.info(
            "watcher ends: %s, %d parked", said or "no document", self._totals.parked,
            extra={"event.action": "end", "watcher.total.parked": self._totals.parked, **counts},
        )  # fmt: skip


@dataclass(slots=True)
class _Round:
    """What one round found: documents to enrich, writes that the search does not show yet, documents left alone."""

    stale_s: float
    fresh: int = 0
    stale: int = 0
    parked: int = 0
    progress: int = 0
    contended: bool = False
    """Another watcher is at work on the same documents."""
    unanswered: list[Hit] = field(default_factory=list)
    """Of the parked ones, those on which the enrich service failed."""

    @property
    def nothing_left(self) -> bool:
        return not self.fresh and not self.stale


def _unanswered(hits: list[Hit]) -> str | None:
    """What a watcher with an end says of documents that it leaves to a service that fails on them."""
    if not hits:
        return None
    return (
        f"the enrich service fails on {len(hits)} documents, which are left pending: {name_some(hits)}; "
        f"look at its log, mend it or the documents, and run the watcher again"
    )


def _report_looping(hits: list[Hit]) -> None:
    log.error(
        "%d documents are still pending after their prediction was written, probably because `oversight.status` is "
        "spelled dotted in them beside the nested one: %s; they are left alone, index them through the pipeline of "
        "`oversight provision`, or nest the field",
        len(hits), name_some(hits),
        extra={"event.action": "park", "event.outcome": "failure", "watcher.parked": len(hits)},
    )  # fmt: skip
