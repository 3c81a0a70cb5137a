"""What became of the documents that a watcher read: outcomes and their counts."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum


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
