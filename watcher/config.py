"""What a watcher is told, and what it counted."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from watcher.read.slices import Slice


class DocumentOutcome(StrEnum):
    """How one document of a page ended; each document has exactly one."""

    __hash__ = str.__hash__  # outcomes are counted by the thousand, and an enumeration's own hash is a Python function

    ENRICHED = "enriched"
    """The prediction is written."""
    FAILED = "failed"
    """The enrich service refused this document; the reason is written."""
    CONFLICT = "conflict"
    """Somebody else wrote the document meanwhile: nothing was written, the next round looks again."""
    GONE = "gone"
    """Somebody deleted the document meanwhile."""
    REJECTED = "rejected"
    """Elasticsearch refuses the update itself, or it would replace a field that is not ours; the document is parked and
    tried again after a growing pause."""
    DEFERRED = "deferred"
    """A server's fault: nothing was written, the next round tries again."""


@dataclass(frozen=True, slots=True)
class WatchConfig:
    """One watcher. The defaults are those of `oversight.config.settings.WatchSettings`."""

    index: str
    """Data stream, index, list or pattern in which pending documents are looked for."""
    enrich_url: str
    """Address of the enrich service, without a trailing slash."""
    token: str | None = field(default=None, repr=False)
    """Bearer token of the enrich service."""
    ca_certs: Path | None = None
    """File of the authority that signed the enrich service's certificate; None: those of the system."""
    client_cert: tuple[Path, Path] | None = None
    """Certificate that the watcher shows to the enrich service, and its key."""
    page_size: int = 1_000
    """Documents read, enriched and written together."""
    page_bytes: int = 4 * 1024 * 1024
    """Most bytes of a page as it is read; a document that is larger by itself fails."""
    poll_interval_s: float = 1.0
    """Seconds between two looks while nothing is pending."""
    request_timeout_s: float = 30.0
    """Seconds that the enrich service may take for one request."""
    backoff_s: float = 0.5
    """First wait after a server's fault; it doubles each time, with jitter."""
    max_backoff_s: float = 30.0
    """Longest wait between two tries."""
    pit_keep_alive_s: float = 120.0
    """Seconds that the point in time stays open between two pages."""
    suppress: Path | None = None
    """File with the alerts that do not alert (`watcher.write.suppression`); None: every alert does."""
    once: bool = False
    """End when nothing is pending, in place of waiting for more."""
    once_tries: int = 5
    """With `once`: tries in a row that a server's fault may spoil before the watcher gives up."""
    slices: int = 1
    """Pages that are worked on at the same time, each in a thread of its own."""
    part: Slice | None = None
    """This watcher's part of what is pending, of all watchers'; None: all of it."""
    help_after_s: float = 30.0
    """With `part`: a watcher with nothing to do takes what is pending for longer than this from the other parts."""
    blocked_s: float = 60.0
    """First pause of an index that takes no writes."""
    namespace: str | None = None
    """The installation, under whose name heartbeats are written; None: none are."""
    heartbeat_s: float = 10.0
    """Seconds between two heartbeats, and between two counts of what is pending; 0: neither."""
    metrics_bind: str | None = None
    """HOST:PORT of the metrics and health; None: no port is opened."""


SHOWN_REASONS = 3
"""Reasons that one line quotes."""


def most_common(reasons: Counter[str]) -> str:
    """The most frequent reasons, in one line."""
    shown = "; ".join(reason for reason, _ in reasons.most_common(SHOWN_REASONS))
    return shown if len(reasons) <= SHOWN_REASONS else f"{shown}; and {len(reasons) - SHOWN_REASONS} more reasons"


@dataclass(slots=True)
class Totals:
    """What a watcher did since its start: documents by outcome. One document can count in several rounds."""

    outcomes: dict[DocumentOutcome, int] = field(default_factory=lambda: dict.fromkeys(DocumentOutcome, 0))
    batches: int = 0
    parked: int = 0
    """Documents left alone for now: updates are refused, denied, harmful or without effect, or the service fails on
    them.
    """
    unwritable: str | None = None
    """Documents that cannot be written: how many and why; None without any."""
    trouble: str | None = None
    """Why the watcher gave up, or could not finish; None when it ended with nothing left to do or was told to stop."""
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def add(self, outcomes: Iterable[DocumentOutcome] | Mapping[DocumentOutcome, int], *, batches: int = 0) -> None:
        """Count documents, one by one or by outcome, and the batches that they were written in. Several threads may."""
        counts = Counter(outcomes)
        with self.lock:
            self.batches += batches
            for outcome, count in counts.items():
                self.outcomes[outcome] += count

    def to_dict(self) -> dict[str, int]:
        """The counts as plain JSON values."""
        counts = {outcome.value: count for outcome, count in self.outcomes.items()}
        return {**counts, "parked": self.parked, "batches": self.batches}

    @property
    def documents(self) -> int:
        """Documents of all rounds, whatever became of them."""
        return sum(self.outcomes.values())

    @property
    def enriched(self) -> int:
        """Documents that were given a prediction."""
        return self.outcomes[DocumentOutcome.ENRICHED]

    @property
    def failed(self) -> int:
        """Documents that the enrich service refused."""
        return self.outcomes[DocumentOutcome.FAILED]
