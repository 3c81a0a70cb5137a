"""Outcomes of the documents that a watcher read, and their counts."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class DocumentOutcome(StrEnum):
    """How one document of a page ended; each document has exactly one."""

    __hash__ = str.__hash__  # faster: an enumeration's own hash is a Python function

    ENRICHED = "enriched"
    """The prediction is written."""
    FAILED = "failed"
    """The enrich service refused this document; the reason is written."""
    CONFLICT = "conflict"
    """Someone else wrote the document meanwhile. Nothing was written, and the next round reads it again."""
    GONE = "gone"
    """Someone deleted the document meanwhile."""
    REJECTED = "rejected"
    """Elasticsearch refuses the update, or it would replace a field that is not ours. The document is quarantined, and
    tried again after a growing pause.
    """
    DEFERRED = "deferred"
    """A server failed. Nothing was written, and the next round tries again."""


SHOWN_REASONS = 3
"""Most reasons in one line."""


def most_common(reasons: Counter[str]) -> str:
    """Return the most frequent reasons, in one line."""
    shown = "; ".join(reason for reason, _ in reasons.most_common(SHOWN_REASONS))
    return shown if len(reasons) <= SHOWN_REASONS else f"{shown}; and {len(reasons) - SHOWN_REASONS} more reasons"


@dataclass(slots=True)
class Totals:
    """The documents of a watcher since its start, by outcome. A document can count in several rounds."""

    outcomes: dict[DocumentOutcome, int] = field(default_factory=lambda: dict.fromkeys(DocumentOutcome, 0))
    batches: int = 0
    quarantined: int = 0
    """Documents that are skipped for now: updates are refused, harmful or without effect, or the service fails."""
    unwritable: str | None = None
    """How many documents cannot be written, and why; None if there are none."""
    trouble: str | None = None
    """Why the watcher gave up; None if nothing was left to do, or it was stopped."""
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def add(self, counts: Mapping[DocumentOutcome, int], *, batches: int = 0) -> None:
        """Add documents by outcome, and the batches that they were written in. Several threads may call it."""
        with self.lock:
            self.batches += batches
            for outcome, count in counts.items():
                self.outcomes[outcome] += count

    def to_dict(self) -> dict[str, int]:
        """Return the counts as plain JSON values."""
        counts = {outcome.value: count for outcome, count in self.outcomes.items()}
        return {**counts, "parked": self.quarantined, "batches": self.batches}

    @property
    def settled(self) -> int:
        """Documents that are not pending any more because of this watcher."""
        return self.enriched + self.failed

    @property
    def enriched(self) -> int:
        """Documents that got a prediction."""
        return self.outcomes[DocumentOutcome.ENRICHED]

    @property
    def failed(self) -> int:
        """Documents that the enrich service refused."""
        return self.outcomes[DocumentOutcome.FAILED]
