"""The state of a watcher: the one source of its metrics and its heartbeat.

    lanes, loop ──▶ Facts ──┬──▶ metrics and health on a port
                            └──▶ heartbeat document

Several threads read and write it.
"""

from __future__ import annotations

import os
import socket
import threading
import time
import uuid
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from contract.documents.fields import ECS_VERSION
from contract.documents.heartbeats import DATASET, IDLE, SERVICE, STOPPED, WAITING, WORKING
from contract.errors import ServerError
from watcher.enrich.circuit_breaker import Breaker
from watcher.enrich.responses import Model
from watcher.monitor.blocked_indices import Blocked
from watcher.settings import WatchRun
from watcher.totals import DocumentOutcome, Totals
from watcher.write.actions import iso_millis

DELAY_BOUNDS_S = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 3600.0, 21600.0, 86400.0)
"""Upper bounds of the histogram: from the delay of an idle installation to a day of outage."""
RATE_OVER_S = 60.0
MAX_REASONS = 50
"""Most reasons to count separately; further ones count as `other`."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """The pending documents of the whole index, as far as the search shows."""

    pending: int
    oldest_s: float | None
    """Seconds since the oldest arrived; None: nothing is pending, or its arrival is unknown."""


class Histogram:
    """Counts of values between fixed bounds, not cumulative; the last count is of values above all bounds."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, values: Iterable[float]) -> None:
        """Count values."""
        for value in values:
            self.counts[bisect_left(self.bounds, value)] += 1
            self.sum += value


class Facts:
    """The state of one run."""

    def __init__(self, watch: WatchRun, *, totals: Totals, breaker: Breaker, blocked: Blocked) -> None:
        self.id = uuid.uuid4().hex
        self.host, self.pid = socket.gethostname(), os.getpid()
        self.started = datetime.now(UTC)
        self.watch, self.totals, self.breaker, self.blocked = watch, totals, breaker, blocked
        self.state = IDLE
        self.fault: ServerError | None = None
        self.model: Model | None = None
        self.page_size = watch.settings.page_size
        self.backlog: Backlog | None = None
        self.last_batch: datetime | None = None
        self.delays = Histogram(DELAY_BOUNDS_S)
        self.failures: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self.retries: Counter[str] = Counter()
        self._settled: deque[tuple[float, int]] = deque()
        self._lock = threading.Lock()

    def wrote(
        self,
        outcomes: Mapping[DocumentOutcome, int],
        *,
        delays_s: Iterable[float],
        refusals: Mapping[str, int],
        retries: int,
    ) -> None:
        """A batch has ended: documents by outcome, seconds from arrival to prediction, reasons of refusals."""
        with self._lock:
            self.last_batch = datetime.now(UTC)
            self.delays.observe(delays_s)
            for kind, count in refusals.items():
                known = kind in self.failures or len(self.failures) < MAX_REASONS
                self.failures[kind if known else "other"] += count
            self.retries["elasticsearch"] += retries
            self._settled.append(
                (time.monotonic(), outcomes.get(DocumentOutcome.ENRICHED, 0) + outcomes.get(DocumentOutcome.FAILED, 0))
            )
            self._forget()

    def waits(self, fault: ServerError) -> None:
        """The watcher waits because a server failed."""
        with self._lock:
            self.state, self.fault = WAITING, fault
            self.faults[fault.code] += 1

    def works(self) -> None:
        """The watcher has pending documents."""
        self.state, self.fault = WORKING, None

    def idles(self) -> None:
        """Nothing is pending that can be processed."""
        self.state, self.fault = IDLE, None

    def stops(self) -> None:
        """The run is over."""
        self.state = STOPPED

    def rate_per_s(self) -> float:
        """Return the documents enriched or failed per second, over the last minute or since the start."""
        with self._lock:
            self._forget()
            settled = sum(count for _, count in self._settled)
        over_s = min(RATE_OVER_S, max(1.0, (datetime.now(UTC) - self.started).total_seconds()))
        return round(settled / over_s, 3)

    def document(self) -> dict[str, Any]:
        """Return the heartbeat document, with the fields of `contract.documents.heartbeats`."""
        settings, totals = self.watch.settings, self.totals
        watcher: dict[str, Any] = {
            "id": self.id,
            "started": iso_millis(self.started),
            "interval_s": settings.heartbeat_s,
            "index": self.watch.shared.documents,
            "slice": None if settings.share is None else str(settings.share),
            "slices": settings.slices,
            "state": self.state,
            "waiting_for": None if self.fault is None else self.fault.code,
            "trouble": totals.trouble or (None if self.fault is None else str(self.fault)) or totals.unwritable,
            "breaker": self.breaker.state,
            "documents": {outcome.value: count for outcome, count in totals.outcomes.items()},
            "batches": totals.batches,
            "rate_per_s": self.rate_per_s(),
            "page_size": self.page_size,
            "pending": None if self.backlog is None else self.backlog.pending,
            "oldest_pending_s": None if self.backlog is None else self.backlog.oldest_s,
            "last_batch": None if self.last_batch is None else iso_millis(self.last_batch),
            "parked": totals.quarantined,
            "parked_indices": list(self.blocked.now()),
        }
        document: dict[str, Any] = {
            "@timestamp": iso_millis(datetime.now(UTC)),
            "ecs": {"version": ECS_VERSION},
            "event": {"kind": "state", "module": "oversight", "dataset": DATASET},
            "host": {"name": self.host},
            "process": {"pid": self.pid},
            "service": {"name": SERVICE},
            "watcher": {name: value for name, value in watcher.items() if value is not None},
        }
        if self.model is not None:
            document["oversight"] = {"model": {"id": self.model.id, "version": self.model.version}}
        return document

    def _forget(self) -> None:
        """Drop counts that are older than the rate's minute."""
        now_s = time.monotonic()
        while self._settled and self._settled[0][0] < now_s - RATE_OVER_S:
            self._settled.popleft()
