"""Write a batch back, and try again only what may succeed.

    actions ──▶ bulk request ──▶ outcome per document
                    ▲    ├── 429, 503: those items again, later, when Retry-After says; 413: in halves
                    └────┘
                         └── the index takes no writes: its items are deferred, and it is named

A request that breaks off may have been done or not. Its documents are deferred: the next round finds those that are
still pending, and compare-and-set keeps the others from being written twice.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

from elasticsearch import ApiError, Elasticsearch

from common.backoff import Backoff
from contract.errors import EngineUnavailableError
from watcher.elastic_faults import EngineBusyError, engine_faults, without_retries
from watcher.monitor.blocked_indices import FIXES
from watcher.totals import DocumentOutcome
from watcher.write.actions import RETRY_STATUSES, Action, body, outcome_of
from watcher.write.changes import reason_of

TRIES = 4
"""Times that an overloaded engine is asked in one batch; the next round asks again."""


class Written(NamedTuple):
    """How one action ended: `seq_no` of the write if it took place, else the engine's reason."""

    outcome: DocumentOutcome
    seq_no: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """How a batch ended: one entry an action, in order, and the server's fault if there was one."""

    written: tuple[Written, ...]
    fault: EngineUnavailableError | None = None
    blocked: Mapping[str, str] = field(default_factory=dict)
    """Indices that take no writes, with the engine's `error.type`; no fault, as others do."""
    retries: int = 0
    """Requests that were sent again."""
    too_much: bool = False
    """The engine called the request too large, or too many: the next ones had better be smaller."""


@dataclass(slots=True)
class _Sending:
    """What is known of a batch while it is sent."""

    actions: Sequence[Action]
    encoded: bytes
    """The request for all of them."""
    ended: list[Written | None]
    fault: EngineUnavailableError | None = None
    blocked: dict[str, str] = field(default_factory=dict)
    too_much: bool = False

    @property
    def left(self) -> list[int]:
        return [place for place, written in enumerate(self.ended) if written is None]


def send(
    es: Elasticsearch, actions: Sequence[Action], *, encoded: bytes, backoff: Backoff, stop: threading.Event
) -> Report:
    """Send the updates of one batch. A server's fault is in the report, never raised: other items may be written.

    Args:
        es: the cluster.
        actions: the updates.
        encoded: `body()` of them, for the first request.
        backoff: how long an overloaded engine is left alone.
        stop: ends the waiting.
    """
    batch = _Sending(actions, encoded, [None] * len(actions))
    retries = 0
    while _send_once(es, batch) and retries < TRIES - 1:
        if stop.wait(backoff.next_s(asked_to_wait_s(batch.fault))):
            break
        retries += 1
    deferred = Written(DocumentOutcome.DEFERRED, reason=str(batch.fault) if batch.fault else "stopped")
    return Report(
        tuple(written or deferred for written in batch.ended), batch.fault, batch.blocked, retries, batch.too_much
    )


def asked_to_wait_s(fault: Exception | None) -> float | None:
    """Seconds that the server at fault asked us to wait."""
    seconds = getattr(fault, "retry_after_s", None)
    return float(seconds) if seconds is not None else None


def _send_once(es: Elasticsearch, batch: _Sending) -> bool:
    """One request for the actions that have not ended. Returns whether to try again at once."""
    places = batch.left
    chosen = [batch.actions[place] for place in places]
    batch.fault = None
    try:
        with engine_faults("writing predictions", index=chosen[0].hit.index):
            items = _bulk(es, chosen, batch)
    except EngineBusyError as busy:
        batch.fault, batch.too_much = busy, True
        return True
    except EngineUnavailableError as fault:
        batch.fault = fault
        return False
    return _sort_out(batch, places, items)


def _sort_out(batch: _Sending, places: Sequence[int], items: Sequence[Mapping[str, Any]]) -> bool:
    """Note what became of some actions, each for itself. Returns whether to try again at once."""
    refused, again = "", False
    for place, item in zip(places, items, strict=True):
        action = batch.actions[place]
        written = _written(item, action.wanted)
        if written.outcome is action.wanted:
            batch.ended[place] = written
        elif (kind := _kind(item)) in FIXES:
            batch.blocked[action.hit.index] = kind
            batch.ended[place] = Written(DocumentOutcome.DEFERRED, reason=written.reason)
        elif written.outcome is not DocumentOutcome.DEFERRED:
            batch.ended[place] = written
        else:
            refused = refused or written.reason
            if int(item.get("status", 500)) in RETRY_STATUSES:
                again = batch.too_much = True
            else:
                batch.ended[place] = written
    if refused:
        batch.fault = EngineUnavailableError(
            f"Elasticsearch puts off updates ({refused}); nothing is lost, trying again"
        )
    return again


def _bulk(es: Elasticsearch, actions: Sequence[Action], batch: _Sending) -> list[dict[str, Any]]:
    """The items of one bulk answer, in the order of the actions; in halves where the request is too large."""
    try:
        encoded = batch.encoded if len(actions) == len(batch.actions) else body(actions)
        # retries are ours: the client's would send everything again, also what is written; and the answer comes as it
        # is, as filtering it costs OpenSearch some 50 µs an item
        answer = without_retries(es).bulk(operations=cast("Any", encoded))
    except ApiError as error:
        if error.meta.status != 413 or len(actions) == 1:
            raise
        batch.too_much = True
        half = len(actions) // 2
        return _bulk(es, actions[:half], batch) + _bulk(es, actions[half:], batch)
    items = [item.get("update") for item in answer.get("items", ())]
    if len(items) != len(actions) or not all(isinstance(item, dict) for item in items):
        raise EngineUnavailableError(
            f"Elasticsearch answered a bulk request of {len(actions)} updates with {len(items)} items; "
            "nothing is lost, trying again"
        )
    return items


def _written(item: Mapping[str, Any], wanted: DocumentOutcome) -> Written:
    status = int(item.get("status", 500))
    outcome = outcome_of(status, wanted)
    if outcome is wanted:
        return Written(outcome, seq_no=item.get("_seq_no"))
    return Written(outcome, reason=reason_of(item))


def _kind(item: Mapping[str, Any]) -> str:
    """The `error.type` of an item that was not done."""
    error = item.get("error")
    return str(error.get("type", "")) if isinstance(error, dict) else str(error or "")
