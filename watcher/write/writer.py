"""Write batches while the next one is enriched. Each lane has at most one bulk request at a time.

    batch ──▶ submit() ──▶ encoded ──▶ waits for the batch before ──▶ bulk request in a thread ─┐
                                                                                                │
                             remember, count, log, during the next request ◀────────────────────┘

Everything but the request itself happens in the lane's thread, and as little as possible between two requests: an
engine writes a shard in one thread, and it is idle while it waits for us.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from elasticsearch import Elasticsearch

from common.backoff import Backoff
from contract import hints
from contract.errors import ServerError
from contract.wire import DocumentError
from watcher.enrich.batch_size import BatchSize
from watcher.enrich.bisect import name_some
from watcher.enrich.responses import Model, Result
from watcher.monitor.blocked_indices import Blocked
from watcher.monitor.facts import Facts
from watcher.read.hit import Hit
from watcher.read.remembered import Memory
from watcher.read.source_filters import SourceFilters
from watcher.settings import WatchRun
from watcher.totals import DocumentOutcome, Totals, most_common
from watcher.write.actions import Action, actions, body
from watcher.write.bulk import Report, Written, send
from watcher.write.suppression import Suppression

log = logging.getLogger(__name__)

DENIED = "Elasticsearch finds it in searches, but not when it is updated"
LATE_S = 1.0
"""If a batch waits longer than this for the one before, it is encoded again, with the current time and rules."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Documents with their results, ready to be written."""

    hits: Sequence[Hit]
    results: Sequence[Result]
    model: Model
    began_s: float
    """When it was sent to the enrich service, on a monotonic clock."""


@dataclass(frozen=True, slots=True)
class Shared:
    """What all lanes of a watcher share."""

    watch: WatchRun
    memory: Memory
    totals: Totals
    facts: Facts
    blocked: Blocked
    filters: SourceFilters
    stop: threading.Event
    suppression: Suppression

    def backoff(self) -> Backoff:
        """Return the waits between the tries of one batch."""
        return Backoff(self.watch.settings.backoff_s, self.watch.settings.max_backoff_s)


class Writer:
    """Writes the batches of one lane, in order.

    Args:
        es: the cluster.
        shared: gets the outcomes.
        throttle: gets smaller when the engine is overloaded.
        executor: threads for the requests.
    """

    def __init__(self, es: Elasticsearch, shared: Shared, *, throttle: BatchSize, executor: Executor) -> None:
        self._es, self._shared, self._throttle, self._executor = es, shared, throttle, executor
        self._under_way: tuple[Batch, Future[Report]] | None = None
        self._conflicts = self._documents = 0
        self.successes = 0
        """Batches without a server error."""

    def take_conflicts(self) -> tuple[int, int]:
        """Return the conflicts and the documents with any outcome since the last call."""
        taken, self._conflicts, self._documents = (self._conflicts, self._documents), 0, 0
        return taken

    def submit(self, batch: Batch) -> None:
        """Start to write a batch, after the one before has ended.

        Raises:
            EngineUnavailableError: the one before met a server error; this one is not written.
        """
        began_s = time.monotonic()
        updates, encoded = self._encoded(batch)
        before = self._await()
        if time.monotonic() - began_s > LATE_S:
            updates, encoded = self._encoded(batch)
        if before is None or before[1].fault is None:
            backoff = self._shared.backoff()
            future = self._executor.submit(
                send, self._es, updates, encoded=encoded, backoff=backoff, stop=self._shared.stop
            )
            self._under_way = (batch, future)
        fault = self._note(before)
        if fault is not None:
            raise fault

    def _encoded(self, batch: Batch) -> tuple[list[Action], bytes]:
        """Return what to write now, and the body of the bulk request for it."""
        now = datetime.now(UTC)
        results = self._shared.suppression.apply(batch.hits, batch.results, now=now)
        updates = actions(batch.hits, results, now=now, objects=self._shared.filters.objects)
        return updates, body(updates)

    def finish(self) -> None:
        """Wait until the last batch is written.

        Raises:
            EngineUnavailableError: it met a server error.
        """
        fault = self.settle()
        if fault is not None:
            raise fault

    def settle(self) -> ServerError | None:
        """Wait until the last batch is written, and note its outcomes. Return the server error if there was one."""
        return self._note(self._await())

    def _await(self) -> tuple[Batch, Report] | None:
        """Wait for the current request. Return its batch and report."""
        if self._under_way is None:
            return None
        (batch, future), self._under_way = self._under_way, None
        return batch, future.result()

    def _note(self, ended: tuple[Batch, Report] | None) -> ServerError | None:
        """Note the outcomes of a batch, if there is one. Return its server error."""
        if ended is None:
            return None
        (batch, report), shared = ended, self._shared
        ends = report.written
        _remember(shared.memory, batch.hits, ends)
        counts = Counter([written.outcome for written in ends])
        refusals = Counter(result.type for result in batch.results if isinstance(result, DocumentError))
        self._conflicts += counts[DocumentOutcome.CONFLICT]
        self._documents += len(batch.hits)
        self.successes += report.fault is None
        shared.totals.add(counts, batches=1)
        shared.facts.wrote(counts, delays_s=_delays_s(batch.hits, ends), refusals=refusals, retries=report.retries)
        for index, reason in report.blocked.items():
            shared.blocked.refused(index, reason)
        shared.blocked.wrote(
            hit.index for hit, written in zip(batch.hits, ends, strict=True) if written.seq_no is not None
        )
        if report.too_much:
            self._throttle.failed(len(batch.hits))
        else:
            self._throttle.worked(len(batch.hits))
        _log(batch, counts, refusals, time.monotonic() - batch.began_s)
        return report.fault


def report_quarantined(documents: Sequence[tuple[Hit, str]], what: str, advice: str) -> None:
    """Log one line about quarantined documents and their reasons. Their content stays out of the log."""
    if not documents:
        return
    reasons = most_common(Counter(reason for _, reason in documents))
    log.error(
        "%s %s (%s): %s; pending until a later try, %s",
        what,
        "1 document" if len(documents) == 1 else f"{len(documents)} documents",
        reasons,
        name_some([hit for hit, _ in documents]),
        advice,
        extra={"event.action": "park", "event.outcome": "failure", "watcher.parked": len(documents)},
    )


def _remember(memory: Memory, hits: Sequence[Hit], ends: Sequence[Written]) -> None:
    now_s = time.monotonic()
    refused: list[tuple[Hit, str]] = []
    denied: list[tuple[Hit, str]] = []
    memory.wrote([(hit, end.seq_no) for hit, end in zip(hits, ends, strict=True) if end.seq_no is not None], now_s)
    for hit, written in zip(hits, ends, strict=True):
        if written.seq_no is not None:
            continue
        if written.outcome is DocumentOutcome.REJECTED:
            refused += [(hit, written.reason)] if memory.quarantine(hit, now_s, reason=written.reason) else []
        elif written.outcome in (DocumentOutcome.CONFLICT, DocumentOutcome.GONE) and memory.lost(hit, now_s):
            denied += [(hit, written.reason)] if memory.quarantine(hit, now_s, reason=DENIED) else []
    report_quarantined(
        refused, "Elasticsearch refuses to update", f"compare its mapping with the one of {hints.run('provision')}"
    )
    report_quarantined(
        denied,
        "Elasticsearch finds in searches, but cannot update",
        "look at their routing and at the health of the index",
    )


def _delays_s(hits: Sequence[Hit], ends: Sequence[Written]) -> list[float]:
    """Return the seconds from arrival to prediction, of the documents with their first prediction."""
    now_ms, done = time.time() * 1000, DocumentOutcome.ENRICHED
    return [
        max(0.0, (now_ms - hit.arrival_ms) / 1000)
        for hit, end in zip(hits, ends, strict=True)
        if end.outcome is done and hit.arrival_ms is not None and not _had_one(hit)
    ]


def _had_one(hit: Hit) -> bool:
    ours = hit.source.get("oversight")
    return isinstance(ours, Mapping) and "prediction" in ours


def _log(batch: Batch, counts: Mapping[DocumentOutcome, int], refusals: Mapping[str, int], took_s: float) -> None:
    whole = counts.get(DocumentOutcome.DEFERRED, 0) + counts.get(DocumentOutcome.REJECTED, 0) == 0
    fields: dict[str, Any] = {
        "event.action": "enrich-batch",
        "event.outcome": "success" if whole else "failure",
        "event.duration": round(took_s * 1e9),
        "oversight.model.id": batch.model.id,
        "oversight.model.version": batch.model.version,
        "watcher.batch.size": len(batch.results),
        **{f"watcher.batch.{outcome}": count for outcome, count in counts.items()},
        **{f"watcher.batch.refusals.{kind}": count for kind, count in refusals.items()},
    }
    said = ", ".join(f"{count} {outcome}" for outcome, count in counts.items())
    log.info("batch of %d: %s in %.0f ms", len(batch.results), said, took_s * 1000, extra=fields)
