"""What a watcher knows of itself: the one source of its metrics and its heartbeat.

    lanes, loop ──▶ Facts ──┬──▶ metrics and health on a port
                            └──▶ heartbeat document

Several threads write here and read from here.
"""

from __future__ import annotations

import os
import socket
import threading
import time
import uuid
from bisect import bisect_right
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
"""Upper bounds of the histogram: from what an idle installation takes to a day of outage."""
RATE_OVER_S = 60.0
MAX_REASONS = 50
"""Reasons that are counted apart; what a service makes up beyond them is `other`."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """What is pending in the whole index, as far as the search shows."""

    pending: int
    oldest_s: float | None
    """Seconds since the arrival of the oldest; None: nothing is pending, or nobody knows when it arrived."""


class Histogram:
    """Counts of values below fixed bounds, not cumulative; the last one is of what is above them all."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, values: Iterable[float]) -> None:
        """Count some values."""
        ordered = sorted(values)
        below = [bisect_right(ordered, bound) for bound in self.bounds]
        for place, count in enumerate(map(int.__sub__, [*below, len(ordered)], [0, *below])):
            self.counts[place] += count
        self.sum += sum(ordered)


class Facts:
    """One run of a watcher, as others may see it."""

    def __init__(self, config: WatchRun, *, totals: Totals, breaker: Breaker, blocked: Blocked) -> None:
        self.id = uuid.uuid4().hex
        self.host, self.pid = socket.gethostname(), os.getpid()
        self.started = datetime.now(UTC)
        self.config, self.totals, self.breaker, self.blocked = config, totals, breaker, blocked
        self.state = IDLE
        self.fault: ServerError | None = None
        self.model: Model | None = None
        self.page_size = config.settings.page_size
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
        """One batch has ended: documents by outcome, seconds from arrival to prediction, reasons of refusals."""
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
        """A server's fault is waited out."""
        with self._lock:
            self.state, self.fault = WAITING, fault
            self.faults[fault.code] += 1

    def works(self) -> None:
        """There are pending documents in hand."""
        self.state, self.fault = WORKING, None

    def idles(self) -> None:
        """Nothing is pending that could be worked on."""
        self.state, self.fault = IDLE, None

    def stops(self) -> None:
        """The run is over."""
        self.state = STOPPED

    def rate_per_s(self) -> float:
        """Documents enriched or failed a second, over the last minute or since the start."""
        with self._lock:
            self._forget()
            settled = sum(count for _, count in self._settled)
        over_s = min(RATE_OVER_S, max(1.0, (datetime.now(UTC) - self.started).total_seconds()))
        return round(settled / over_s, 3)

    def document(self) -> dict[str, Any]:
        """The heartbeat, as `contract.documents.heartbeats` names its fields."""
        config, totals = self.config, self.totals
        watcher: dict[str, Any] = {
            "id": self.id,
            "started": iso_millis(self.started),
            "interval_s": config.settings.heartbeat_s,
            "index": config.shared.documents,
            "slice": None if config.settings.share is None else str(config.settings.share),
            "slices": config.settings.slices,
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
            "parked": totals.parked,
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
        """What is older than the minute that the rate is of."""
        now_s = time.monotonic()
        while self._settled and self._settled[0][0] < now_s - RATE_OVER_S:
            self._settled.popleft()
