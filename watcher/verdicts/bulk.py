"""Write feedback to many documents, each only while it is as the person saw it.

    pages of (document, what was seen) ──▶ decide ──▶ bulk, compare-and-set ──▶ written | refused | gone
                                             │  ▲             │
                 spared, unchanged, conflict ┘  └─ read again ┘ someone else wrote it, or no response came

A changed sequence number is no conflict: the watcher may have rescored the document. A changed feedback or label is
one. If Elasticsearch goes away, the work ends and says so; what was written stays, and the same call again finds it
unchanged.
"""

from __future__ import annotations

import enum
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any, NamedTuple

from elasticsearch import Elasticsearch

from common.backoff import Backoff
from contract.errors import EngineUnavailableError
from watcher.elastic_faults import EngineRefusesError, engine_faults
from watcher.read.hit import Hit
from watcher.read.readable_indices import refresh
from watcher.read.source_filters import why_not_written
from watcher.verdicts.documents import as_they_are
from watcher.verdicts.feedback import Feedback, feedback_of, predicted
from watcher.write.changes import DONE, Change, reason_of, send

TRIES = 6
"""How often one page is tried, if others write its documents or Elasticsearch does not answer."""
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 30.0
"""Waits for a server that does not answer; all tries together take some 15 s."""
CONFLICT_WAIT_S = 0.05
SHOWN_CONFLICTS = 20
"""Conflicts that are kept in detail."""


class Aim(NamedTuple):
    """A document to write to."""

    hit: Hit
    seen: str | None
    """`seen_in` of what the person saw; None: the person did not look at it before."""


class Written(NamedTuple):
    """A document that was written, and its feedback from before."""

    hit: Hit
    before: Feedback


@dataclass(frozen=True, slots=True)
class Conflict:
    """A document that someone else judged, or that the watcher predicted differently, since the person saw it."""

    index: str
    id: str
    feedback: Feedback
    label: str | None


@dataclass(slots=True)
class Tally:
    """What became of the documents. Each counts once."""

    written: int = 0
    unchanged: int = 0
    """They had this verdict already."""
    conflicts: int = 0
    shown: list[Conflict] = field(default_factory=list)
    """The first of the conflicts."""
    spared: Counter[str] = field(default_factory=Counter)
    """The verdict does not fit them, by reason."""
    refused: Counter[str] = field(default_factory=Counter)
    """Elasticsearch refuses the write, by its reason."""
    gone: int = 0
    left: int = 0
    """Someone else kept writing them; the same call again judges them."""
    fault: EngineUnavailableError | None = None
    """Why the work ended early."""
    stopped: bool = False

    @property
    def done(self) -> int:
        """Documents with an outcome."""
        counted = self.written + self.unchanged + self.conflicts + self.gone + self.left
        return counted + self.spared.total() + self.refused.total()


class Skip(enum.Enum):
    """Why a document is not written, other than for a reason in words."""

    UNCHANGED = "unchanged"
    """It says so already."""
    CONFLICT = "conflict"
    """It changed since the person saw it."""


Outcome = Mapping[str, Any] | str | Skip
"""A partial object for `oversight.feedback`, a reason to spare the document, or one of the above."""
Decide = Callable[[Hit, str | None], Outcome]


@dataclass(slots=True)
class Hooks:
    """Functions that a bulk write calls."""

    wrote: Callable[[Sequence[Written]], None] = lambda _written: None
    progress: Callable[[Tally], None] = lambda _tally: None


class BulkWriter:
    """One bulk write.

    Args:
        es: the cluster.
        index: data stream, index, list or pattern, for messages.
        decide: what to write to a document.
        stop: ends the work after the current page.
        hooks: functions to call.
    """

    def __init__(
        self, es: Elasticsearch, index: str, decide: Decide, *, stop: threading.Event, hooks: Hooks | None = None
    ) -> None:
        self._es, self._index, self._decide = es, index, decide
        self._stop, self._hooks = stop, hooks or Hooks()
        self._why_not_written = lru_cache(partial(why_not_written, es))
        self._tally = Tally()
        self._unsure: dict[tuple[str, str], Feedback] = {}
        """Documents of this page that may be written, because a response was lost, with their feedback from before."""

    def run(self, pages: Iterable[Sequence[Aim]]) -> Tally:
        """Write to all documents. A server's fault is in the result, never raised."""
        try:
            for page in pages:
                self._page(page)
                self._hooks.progress(self._tally)
                if self._stop.is_set():
                    self._tally.stopped = True
                    break
        except EngineUnavailableError as error:
            self._tally.fault = error
        if self._tally.written:
            refresh(self._es, self._index)  # so that the next search shows it
        return self._tally

    def _page(self, page: Sequence[Aim]) -> None:
        """Write one page; those that others write meanwhile are read and tried again."""
        backoff, waiting = Backoff(FIRST_WAIT_S, LONGEST_WAIT_S), page
        fault: EngineUnavailableError | None = None
        self._unsure = {}
        for attempt in range(TRIES):
            try:
                if attempt:
                    self._stop.wait(CONFLICT_WAIT_S if fault is None else backoff.next_s(fault.retry_after_s))
                    waiting = self._read_again(waiting)
                changes = self._decided(waiting)
                waiting = [aim for aim, _ in changes]
                waiting, fault = self._send(changes), None
            except EngineRefusesError:
                raise
            except EngineUnavailableError as error:  # written or not: reading again shows
                fault = error
            if not waiting:
                return
        if fault is not None:
            raise fault
        self._tally.left += len(waiting)

    def _read_again(self, aims: Sequence[Aim]) -> list[Aim]:
        """Return the documents as they are now."""
        still: list[Aim] = []
        for aim, now in zip(aims, as_they_are(self._es, [aim.hit for aim in aims]), strict=True):
            if now is None:
                self._tally.gone += 1
            else:
                still.append(Aim(now, aim.seen))
        return still

    def _decided(self, aims: Sequence[Aim]) -> list[tuple[Aim, Change]]:
        """Return the changes to write, and count the other documents."""
        outcomes = [self._why_not_written(aim.hit.index) or self._decide(aim.hit, aim.seen) for aim in aims]
        changes: list[tuple[Aim, Change]] = []
        for aim, outcome in zip(aims, outcomes, strict=True):
            if isinstance(outcome, Mapping):
                changes.append((aim, Change(aim.hit, {"oversight": {"feedback": outcome}})))
            else:
                self._count(aim, outcome)
        return changes

    def _send(self, changes: Sequence[tuple[Aim, Change]]) -> list[Aim]:
        """Write documents. Return those to read and try again."""
        if not changes:
            return []
        before = {aim.hit.key: feedback_of(aim.hit.source) or {} for aim, _ in changes}
        self._unsure |= before
        with engine_faults("writing verdicts", index=self._index):
            items = send(self._es, [change for _, change in changes])
        self._unsure = {}
        again: list[Aim] = []
        wrote: list[Written] = []
        for (aim, _), item in zip(changes, items, strict=True):
            status = int(item.get("status", 500))
            if status in DONE:
                wrote.append(Written(aim.hit, before[aim.hit.key]))
            elif status in (401, 403):
                raise refuses(aim.hit.index, status)
            elif status in (408, 409, 429) or status >= 500:
                again.append(aim)
            elif status == 404:
                self._tally.gone += 1
            else:
                self._tally.refused[reason_of(item)] += 1
        self._tally.written += len(wrote)
        if wrote:
            self._hooks.wrote(wrote)
        return again

    def _count(self, aim: Aim, outcome: str | Skip) -> None:
        """Count a document that is not written."""
        if isinstance(outcome, str):
            self._tally.spared[outcome] += 1
        elif outcome is Skip.UNCHANGED and aim.hit.key in self._unsure:  # we wrote it, and the response was lost
            self._tally.written += 1
            self._hooks.wrote([Written(aim.hit, self._unsure[aim.hit.key])])
        elif outcome is Skip.UNCHANGED:
            self._tally.unchanged += 1
        else:
            self._tally.conflicts += 1
            if len(self._tally.shown) < SHOWN_CONFLICTS:
                hit = aim.hit
                self._tally.shown.append(
                    Conflict(hit.index, hit.id, feedback_of(hit.source) or {}, predicted(hit.source))
                )


def refuses(index: str, status: int) -> EngineRefusesError:
    """Return the error for a write that Elasticsearch does not allow."""
    return EngineRefusesError(
        f"Elasticsearch refuses to write the verdict to {index} ({status}); your user or key needs the privilege "
        f"`write` there, and the index must take writes"
    )
