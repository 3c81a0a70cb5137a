"""Find the documents on which the enrich service fails.

    failure ──▶ the first in a row? ──▶ raised: wait, ask for the model, read the page again
                       │ no
                       ▼
            is an empty document answered? ──no──▶ raised: the service fails on everything
                       │ yes
                       ├─▶ many documents: try half of them
                       └─▶ one document: quarantined, it stays pending; SUSPECTS in a row: raised

A document on which the service fails is never changed, because the cause may be the service.
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
"""How often an empty document is sent: the service may be busy with the failed request, or be starting again."""
SUSPECTS = 8
"""Documents in a row on which the service fails alone. Then it probably fails on all, and the round ends."""
SHOWN_IDS = 5
"""Most ids in one log line."""


class Bisection:
    """The failures in a row, and the documents that were quarantined for them."""

    def __init__(
        self,
        client: EnrichClient,
        memory: Memory,
        batch_size: BatchSize,
        *,
        stop: threading.Event,
        backoff: Callable[[], Backoff],
    ) -> None:
        self._client, self._memory, self._stop, self._backoff = client, memory, stop, backoff
        self._batch_size = batch_size
        self._failures = 0
        self._suspects: list[Hit] = []

    def answered(self) -> None:
        """The service answered a request with our documents."""
        self._failures = 0
        if len(self._suspects) >= SUSPECTS:  # it failed on all documents for a while, and works again
            for hit in self._suspects:
                self._memory.forgive(hit, time.monotonic())
        self._suspects.clear()

    def failed(self, hits: Sequence[Hit], error: RequestFailedError) -> None:
        """The service failed on a request. Returns if fewer documents should be tried now, or if a single document was
        quarantined.

        Raises:
            RequestFailedError: the service failed for the first time, or fails on everything.
        """
        self._failures += 1
        known = len(hits) == 1 and self._memory.unanswered(hits[0])
        if self._failures == 1 and not known and not self._batch_size.cautious:
            raise error
        if not known:
            self._batch_size.failed(len(hits))
        if not self._answers_control():
            raise error
        if len(hits) == 1:
            self._batch_size.single_document_failed()
            self._quarantine(hits[0], error)

    def _answers_control(self) -> bool:
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

    def _quarantine(self, hit: Hit, error: RequestFailedError) -> None:
        if self._memory.quarantine(hit, time.monotonic(), alone=True):
            log.error(
                "the enrich service fails on one document alone: %s; it stays pending and is tried again later (%s)",
                name_some([hit]),
                error,
                extra={"event.action": "park", "event.outcome": "failure", "watcher.parked": 1},
            )
        self._suspects.append(hit)
        if len(self._suspects) % SUSPECTS == 0:
            raise error


def name_some(hits: Sequence[Hit]) -> str:
    """Return `id in index` of the first documents."""
    shown = ", ".join(f"{hit.id} in {hit.index}" for hit in hits[:SHOWN_IDS])
    return shown if len(hits) <= SHOWN_IDS else f"{shown} and {len(hits) - SHOWN_IDS} more"
