"""Write a batch back, and try again only what may succeed.

    actions ──▶ bulk request ──▶ outcome per document
                    ▲    │
                    └────┴── 429, 503: those items again, later; 413: in halves

A request that breaks off may have been done or not. Its documents are deferred: the next round finds those that are
still pending, and compare-and-set keeps the others from being written twice.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from elasticsearch import ApiError, Elasticsearch

from contract.errors import EngineUnavailableError
from watcher.actions import RETRY_STATUSES, Action, operations, outcome_of
from watcher.backoff import Backoff
from watcher.config import Outcome
from watcher.engine import engine_faults

TRIES = 4
"""Times that an overloaded engine is asked in one batch; the next round asks again."""


@dataclass(frozen=True, slots=True)
class Written:
    """How one action ended: `seq_no` of the write if it took place, else the engine's reason."""

    outcome: Outcome
    seq_no: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """How a batch ended: one entry an action, in order, and the server's fault if there was one."""

    written: tuple[Written, ...]
    fault: EngineUnavailableError | None = None


def send(es: Elasticsearch, actions: Sequence[Action], *, backoff: Backoff, stop: threading.Event) -> Report:
    """Send the updates of one batch. A server's fault is in the report, never raised: other items may be written."""
    ended: list[Written | None] = [None] * len(actions)
    fault: EngineUnavailableError | None = None
    for attempt in range(TRIES):
        if attempt and stop.wait(backoff.next_s()):
            break
        open_places = [place for place, written in enumerate(ended) if written is None]
        fault, again = _send_once(es, actions, open_places, ended)
        if not again:
            break
    deferred = Written(Outcome.DEFERRED, reason=str(fault) if fault else "stopped")
    return Report(tuple(written or deferred for written in ended), fault)


def _send_once(
    es: Elasticsearch, actions: Sequence[Action], places: Sequence[int], ended: list[Written | None]
) -> tuple[EngineUnavailableError | None, bool]:
    """One request for the actions at `places`; fills in `ended`. Returns the fault, and whether to try again at once."""
    chosen = [actions[place] for place in places]
    try:
        with engine_faults("writing predictions", index=chosen[0].hit.index):
            items = _bulk(es, chosen)
    except _OverloadedError as overloaded:
        return overloaded, True
    except EngineUnavailableError as fault:
        return fault, False
    refused, again = "", False
    for place, item in zip(places, items, strict=True):
        written = _written(item, actions[place].wanted)
        if written.outcome is not Outcome.DEFERRED:
            ended[place] = written
            continue
        refused = refused or written.reason
        if int(item.get("status", 500)) in RETRY_STATUSES:
            again = True
        else:
            ended[place] = written
    if not refused:
        return None, False
    return EngineUnavailableError(f"Elasticsearch puts off updates ({refused}); nothing is lost, trying again"), again


class _OverloadedError(EngineUnavailableError):
    """The whole request was put off."""


def _bulk(es: Elasticsearch, actions: Sequence[Action]) -> list[dict[str, Any]]:
    """The items of one bulk answer, in the order of the actions; in halves where the request is too large."""
    try:
        # retries are ours: the client's would send everything again, also what is written
        answer = es.options(max_retries=0).bulk(operations=operations(actions))
    except ApiError as error:
        if error.meta.status in RETRY_STATUSES:
            raise _OverloadedError(
                f"Elasticsearch is overloaded or not ready ({error.meta.status} to a bulk request); nothing is lost, trying again"
            ) from None
        if error.meta.status != 413 or len(actions) == 1:
            raise
        half = len(actions) // 2
        return _bulk(es, actions[:half]) + _bulk(es, actions[half:])
    items = [item.get("update") for item in answer.get("items", ())]
    if len(items) != len(actions) or not all(isinstance(item, dict) for item in items):
        raise EngineUnavailableError(
            f"Elasticsearch answered a bulk request of {len(actions)} updates with {len(items)} items; nothing is lost, trying again"
        )
    return items


def _written(item: dict[str, Any], wanted: Outcome) -> Written:
    status = int(item.get("status", 500))
    outcome = outcome_of(status, wanted)
    if outcome is wanted:
        return Written(outcome, seq_no=item.get("_seq_no"))
    error = item.get("error")
    kind = error.get("type", "") if isinstance(error, dict) else str(error or "")
    return Written(outcome, reason=f"{status} {kind}".strip())
