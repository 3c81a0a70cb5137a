"""Indices whose `_source` is not all that was sent: looked at before the first write to each.

index, seen for the first time ─▶ mapping ─┬─▶ filtered or disabled `_source`: never written, skipped
                                           ├─▶ synthetic `_source`: said once, written
                                           └─▶ anything else: written
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Set as AbstractSet

from elasticsearch import Elasticsearch

from common.elastic.indices import Kept, filtered_says, how_kept, synthetic_says
from watcher.elastic_faults import engine_faults
from watcher.monitor.blocked_indices import FILTERED, Blocked

log = logging.getLogger(__name__)


class KeptIndices:
    """What is known of the indices that documents come from. Several threads may ask.

    Args:
        es: the cluster.
        blocked: where indices that must not be written are noted.
    """

    def __init__(self, es: Elasticsearch, blocked: Blocked) -> None:
        self._es, self._blocked, self._lock = es, blocked, threading.Lock()
        self._known: set[str] = set()
        self._said: set[str] = set()
        self.objects: frozenset[str] = frozenset()
        """Those that take objects in `oversight.prediction.top`, and no words."""

    def first_look(self, index: str) -> None:
        """Look at everything behind a name, and say what is found.

        Raises:
            EngineUnavailableError: nobody can say.
        """
        self._note(self._ask(index))

    def look(self, indices: AbstractSet[str]) -> None:
        """Look at those of these indices that no look has seen yet; one that is filtered is blocked by this.

        Raises:
            EngineUnavailableError: nobody can say.
        """
        if indices <= self._known:
            return
        with self._lock:
            for index in sorted(indices - self._known):
                kept = self._ask(index)
                self._note(kept)
                if kept is None or not kept.filtered:  # a filtered one is looked at again when its pause is over
                    self._known.add(index)

    def _ask(self, index: str) -> Kept | None:
        with engine_faults("reading how documents are kept", index=index):
            return how_kept(self._es, index)

    def _note(self, kept: Kept | None) -> None:
        if kept is None:
            self._say(
                "cannot read the mappings of the watched indices to see whether they filter `_source` (an "
                "update would then "
                "erase the filtered fields); give the watcher's key the index privilege `view_index_metadata`"
            )
            return
        self.objects |= kept.objects
        for index in kept.filtered:
            self._blocked.refused(index, FILTERED)
        if kept.filtered:
            self._say(filtered_says(kept.filtered))
        if kept.synthetic:
            self._say(synthetic_says(kept.synthetic))

    def _say(self, says: str) -> None:
        if says not in self._said:
            self._said.add(says)
            log.warning("%s", says, extra={"event.action": "look-at-indices", "event.outcome": "failure"})
