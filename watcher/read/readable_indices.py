"""Find the watched indices that a search can read: those that exist and are open.

search all of them ──▶ one is missing or closed? ─▶ log it once ─▶ for `again_s`, let the engine leave it out
"""

from __future__ import annotations

import logging
import time

from elastic_transport import TransportError
from elasticsearch import ApiError, Elasticsearch

from common.elastic.indices import closed_indices, closed_message
from contract.errors import EngineUnavailableError
from watcher.elastic_faults import IndexClosedError, IndexMissingError, engine_faults, index_missing
from watcher.read.poll import is_anything_pending

log = logging.getLogger(__name__)


class Reach:
    """The watched indices, as far as a search can read them.

    Args:
        es: the cluster.
        index: data stream, index, list, alias or pattern that is watched.
        again_s: seconds until an index that was missing or closed is looked for again.
    """

    def __init__(self, es: Elasticsearch, index: str, *, again_s: float) -> None:
        self._es, self._index, self._again_s = es, index, again_s
        self._closed: tuple[str, ...] = ()
        self._lenient_until_s = 0.0
        self._logged: set[str] = set()

    def is_anything_pending(self, *, without: tuple[str, ...] = ()) -> bool:
        """Whether an index that can be read has a pending document.

        Raises:
            IndexMissingError: none of the watched indices exists.
            EngineUnavailableError: all of them are closed, or Elasticsearch does not answer.
        """
        if time.monotonic() > self._lenient_until_s:
            try:
                return is_anything_pending(self._es, self._index, without=without, strictly=True)
            except (IndexMissingError, IndexClosedError):
                self._log_what_is_left_out()
        try:
            return is_anything_pending(self._es, self._index, without=without)
        except IndexMissingError:
            if not self._closed:
                raise
            raise EngineUnavailableError(
                f"every index of {self._index!r} is closed; open one with `POST /{self._index}/_open`, or name others "
                "in OVERSIGHT_INDEX"
            ) from None

    def _log_what_is_left_out(self) -> None:
        """Log which indices are missing or closed."""
        existing = those_that_exist(self._es, self._index)
        if existing != self._index:
            self._log_once(
                f"of the indices {self._index} only {existing} exist; continuing with these, looking for the others "
                f"again in {self._again_s:.0f} s"
            )
        self._closed = require_there(self._es, existing)
        if self._closed:
            self._log_once(closed_message(self._closed))
        self._lenient_until_s = time.monotonic() + self._again_s

    def _log_once(self, message: str) -> None:
        if message not in self._logged:
            self._logged.add(message)
            extra = {"event.action": "leave-out", "event.outcome": "failure", "watcher.index": self._index}
            log.warning("%s", message, extra=extra)


def require_there(es: Elasticsearch, index: str) -> tuple[str, ...]:
    """Return the closed indices behind a name, which searches leave out.

    Raises:
        IndexMissingError: one of the names does not exist.
        EngineUnavailableError: Elasticsearch does not answer.
    """
    with engine_faults("looking for indices", index=index):
        return closed_indices(es, index)


def those_that_exist(es: Elasticsearch, index: str) -> str:
    """Return the names of a comma-separated list that exist. A single name is returned unchanged.

    Raises:
        IndexMissingError: none of them exists.
        EngineUnavailableError: Elasticsearch does not answer.
    """
    names = [name for name in index.split(",") if name]
    if len(names) < 2:
        return index
    there = [name for name in names if _exists(es, name)]
    if not there:
        raise index_missing(index)
    return ",".join(there)


def _exists(es: Elasticsearch, name: str) -> bool:
    """Whether a name is an index, a stream, an alias or a pattern that matches; a closed index counts."""
    try:
        with engine_faults("looking for an index", index=name):
            return bool(es.search(index=name, size=0, track_total_hits=False)["_shards"]["total"])
    except IndexClosedError:
        return True
    except IndexMissingError:
        return False


def refresh(es: Elasticsearch, index: str) -> bool:
    """Make every write visible to the next search. Return False without the privilege: then that takes a while."""
    try:
        es.indices.refresh(index=index, ignore_unavailable=True)
    except (ApiError, TransportError) as error:
        log.debug("could not refresh %s: %s", index, error)
        return False
    return True
