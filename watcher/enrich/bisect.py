"""Find out whether a failing enrich service fails on a request or on anything.

    failure ──▶ the first in a row? ──▶ raised: wait, ask for the model, read the page again
                       │ no
                       ▼
            an empty document is answered? ──no──▶ raised: the server's fault
                       │ yes
                       ├─▶ many documents: half of them
                       └─▶ one document: parked, it stays pending; SUSPECTS in a row: raised

A document on which the service fails is never changed: that would take a server's word against itself.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence

from common.backoff import Backoff
from contract.errors import ServerError
from watcher.enrich.batch_size import BatchSize
from watcher.enrich.client import EnrichClient, RequestFailedError
from watcher.read.hit import Hit
from watcher.read.remembered import Memory

log = logging.getLogger(__name__)

CONTROL_ID = "oversight-control"
CONTROL_TRIES = 3
"""Times that an empty document is sent: the service may be busy with what it failed on, or be starting again."""
SUSPECTS = 8
"""Documents in a row on which the service fails alone; then it is taken to fail on any, and the round is given up."""
SHOWN_IDS = 5
"""Ids that one line names of many documents."""


class Blame:
    """What the failures in a row say, and which documents are parked for them."""

    def __init__(
        self,
        client: EnrichClient,
        memory: Memory,
        pace: BatchSize,
        *,
        stop: threading.Event,
        backoff: Callable[[], Backoff],
    ) -> None:
        self._client, self._memory, self._pace, self._stop, self._backoff = client, memory, pace, stop, backoff
        self._failures = 0
        self._suspects: list[Hit] = []

    def answered(self) -> None:
        """The service answered a request with documents of ours."""
        self._failures = 0
        if len(self._suspects) >= SUSPECTS:  # it failed on any document for a while, and is well again
            for hit in self._suspects:
                self._memory.forgive(hit, time.monotonic())
        self._suspects.clear()

    def failed(self, hits: Sequence[Hit], fault: RequestFailedError) -> None:
        """The service failed on a request. Returns if less is to be asked for at once; a single document is parked
        then.

        Raises:
            RequestFailedError: the same one: the service fails for the first time, or on anything.
        """
        self._failures += 1
        known = len(hits) == 1 and self._memory.unanswered(hits[0])
        if self._failures == 1 and not known and not self._pace.cautious:
            raise fault
        if not known:
            self._pace.failed(len(hits))
        if not self._answers_otherwise():
            raise fault
        if len(hits) == 1:
            self._pace.one_to_blame()
            self._park(hits[0], fault)

    def _answers_otherwise(self) -> bool:
        backoff = self._backoff()
        for _ in range(CONTROL_TRIES):
            try:
                self._client.enrich([CONTROL_ID], [{}])
            except ServerError:
                if self._stop.wait(backoff.next_s()):
                    return False
            else:
                return True
        return False

    def _park(self, hit: Hit, fault: RequestFailedError) -> None:
        if self._memory.park(hit, time.monotonic(), alone=True):
            log.error(
                "the enrich service fails on one document alone: %s; it stays pending and is tried again later (%s)",
                name_some([hit]),
                fault,
                extra={"event.action": "park", "event.outcome": "failure", "watcher.parked": 1},
            )
        self._suspects.append(hit)
        if len(self._suspects) % SUSPECTS == 0:
            raise fault


def name_some(hits: Sequence[Hit]) -> str:
    """`id in index` of the first few documents."""
    shown = ", ".join(f"{hit.id} in {hit.index}" for hit in hits[:SHOWN_IDS])
    return shown if len(hits) <= SHOWN_IDS else f"{shown} and {len(hits) - SHOWN_IDS} more"
