"""Check how an index stores `_source`, before the first write to it.

first hit of an index ─▶ mapping ─┬─▶ `_source` filtered or disabled: never written, its documents are skipped
                                  ├─▶ `_source` synthetic: logged once, written
                                  └─▶ anything else: written
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Set as AbstractSet

from elasticsearch import Elasticsearch

from common.elastic.indices import SourceStorage, filtered_message, source_storage, synthetic_message
from watcher.elastic_faults import engine_faults
from watcher.monitor.blocked_indices import FILTERED, Blocked

log = logging.getLogger(__name__)


class SourceFilters:
    """What is known of the indices that documents come from. Several threads may share it.

    Args:
        es: the cluster.
        blocked: gets the indices that must not be written.
    """

    def __init__(self, es: Elasticsearch, blocked: Blocked) -> None:
        self._es, self._blocked, self._lock = es, blocked, threading.Lock()
        self._known: set[str] = set()
        self._logged: set[str] = set()
        self.objects: frozenset[str] = frozenset()
        """Indices that accept only objects in `oversight.prediction.top`, no strings."""

    def check_all(self, index: str) -> None:
        """Check everything behind a name, and log what is found.

        Raises:
            EngineUnavailableError: Elasticsearch does not answer.
        """
        self._note(_storage(self._es, index))

    def check(self, indices: AbstractSet[str]) -> None:
        """Check those of these indices that were not checked before, and block the filtered ones.

        Raises:
            EngineUnavailableError: Elasticsearch does not answer.
        """
        if indices <= self._known:
            return
        with self._lock:
            for index in sorted(indices - self._known):
                storage = _storage(self._es, index)
                self._note(storage)
                if storage is None or not storage.filtered:  # a filtered index is checked again after its pause
                    self._known.add(index)

    def _note(self, storage: SourceStorage | None) -> None:
        if storage is None:
            self._log_once(
                "cannot read the mappings of the watched indices to see whether they filter `_source` (an update would "
                "then erase the filtered fields); give the watcher's key the index privilege `view_index_metadata`"
            )
            return
        self.objects |= storage.objects
        for index in storage.filtered:
            self._blocked.refused(index, FILTERED)
        if storage.filtered:
            self._log_once(filtered_message(storage.filtered))
        if storage.synthetic:
            self._log_once(synthetic_message(storage.synthetic))

    def _log_once(self, message: str) -> None:
        if message not in self._logged:
            self._logged.add(message)
            log.warning("%s", message, extra={"event.action": "look-at-indices", "event.outcome": "failure"})


def why_not_written(es: Elasticsearch, index: str) -> str:
    """Return why an update would erase fields of an index; empty if it may be written.

    Raises:
        EngineUnavailableError: Elasticsearch does not answer.
    """
    storage = _storage(es, index)
    return filtered_message(storage.filtered) if storage is not None and storage.filtered else ""


def _storage(es: Elasticsearch, index: str) -> SourceStorage | None:
    with engine_faults("reading how documents are stored", index=index):
        return source_storage(es, index)
