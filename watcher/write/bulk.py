"""Write the predictions of a batch, and retry only what may succeed.

    actions ──▶ bulk request ──▶ outcome per document
                    ▲    ├── 429, 503: those items again, later, after Retry-After; 413: in halves
                    └────┘
                         └── the index accepts no writes: its items are deferred, and the report names it

If a request breaks off, its documents may be written or not. They are deferred: the next round finds those that are
still pending, and compare-and-set prevents a second write of the others.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from elasticsearch import Elasticsearch

from common.backoff import Backoff
from contract.errors import EngineUnavailableError
from watcher.elastic_faults import EngineBusyError, engine_faults
from watcher.monitor.blocked_indices import FIXES
from watcher.totals import DocumentOutcome
from watcher.write.actions import RETRY_STATUSES, Action, body, outcome_of
from watcher.write.changes import reason_of, send_bulk

TRIES = 4
"""Requests per batch to an overloaded engine. The next round tries again."""


class Written(NamedTuple):
    """How one action ended: the `seq_no` of the write, or the engine's reason."""

    outcome: DocumentOutcome
    seq_no: int | None = None
    reason: str = ""


@dataclass(slots=True)
class Report:
    """How a batch ended, or how far it is."""

    actions: Sequence[Action]
    encoded: bytes
    """The body of the request for all actions."""
    ended: dict[int, Written] = field(default_factory=dict)
    """By the place of the action."""
    fault: EngineUnavailableError | None = None
    """The server error of the last request."""
    blocked: dict[str, str] = field(default_factory=dict)
    """Indices that accept no writes, with the engine's `error.type`. That is no `fault`, because other indices do."""
    retries: int = 0
    """Number of repeated requests."""
    too_much: bool = False
    """The engine was overloaded or refused the size, so the next requests should be smaller."""

    @property
    def written(self) -> list[Written]:
        """How each action ended, in order. An action without an end is deferred."""
        deferred = Written(DocumentOutcome.DEFERRED, reason=str(self.fault) if self.fault else "stopped")
        return [self.ended.get(place, deferred) for place in range(len(self.actions))]

    def encode(self, actions: Sequence[Action]) -> bytes:
        """Return the body of a request for some of the actions."""
        return self.encoded if len(actions) == len(self.actions) else body(actions)

    def was_too_much(self) -> None:
        """The engine was overloaded or refused the size."""
        self.too_much = True


def send(
    es: Elasticsearch, actions: Sequence[Action], *, encoded: bytes, backoff: Backoff, stop: threading.Event
) -> Report:
    """Send the updates of one batch. A server error is in the report, never raised: other items may be written.

    Args:
        es: the cluster.
        actions: the updates.
        encoded: `body()` of them, for the first request.
        backoff: waits before requests to an overloaded engine.
        stop: ends the wait.
    """
    report = Report(actions, encoded)
    while _send_once(es, report) and report.retries < TRIES - 1:
        if stop.wait(backoff.next_s(None if report.fault is None else report.fault.retry_after_s)):
            break
        report.retries += 1
    return report


def _send_once(es: Elasticsearch, report: Report) -> bool:
    """Send one request for the actions that have not ended. Return whether to try again."""
    places = [place for place in range(len(report.actions)) if place not in report.ended]
    chosen = [report.actions[place] for place in places]
    report.fault = None
    try:
        with engine_faults("writing predictions", index=chosen[0].hit.index):
            items = send_bulk(es, chosen, report.encode, on_split=report.was_too_much)
    except EngineBusyError as busy:
        report.fault, report.too_much = busy, True
        return True
    except EngineUnavailableError as fault:
        report.fault = fault
        return False
    return _sort_out(report, places, items)


def _sort_out(report: Report, places: Sequence[int], items: Sequence[Mapping[str, Any]]) -> bool:
    """Note how each action ended. Return whether to try some again."""
    refused, again = "", False
    for place, item in zip(places, items, strict=True):
        action = report.actions[place]
        written = _written(item, action.wanted)
        if written.outcome is not action.wanted and (kind := _kind(item)) in FIXES:
            report.blocked[action.hit.index] = kind
            written = Written(DocumentOutcome.DEFERRED, reason=written.reason)
        elif written.outcome is DocumentOutcome.DEFERRED:
            refused = refused or written.reason
            if int(item.get("status", 500)) in RETRY_STATUSES:
                again = report.too_much = True
                continue
        report.ended[place] = written
    if refused:
        report.fault = EngineUnavailableError(
            f"Elasticsearch refuses updates for now ({refused}); nothing is lost, trying again"
        )
    return again


def _written(item: Mapping[str, Any], wanted: DocumentOutcome) -> Written:
    outcome = outcome_of(int(item.get("status", 500)), wanted)
    if outcome is wanted:
        return Written(outcome, seq_no=item.get("_seq_no"))
    return Written(outcome, reason=reason_of(item))


def _kind(item: Mapping[str, Any]) -> str:
    """Return the `error.type` of an item that was not written."""
    error = item.get("error")
    return str(error.get("type", "")) if isinstance(error, dict) else str(error or "")
