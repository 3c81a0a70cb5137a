"""Find the watched indices that a search can read: those that exist and are open.

search all of them ──▶ one is missing? ─▶ of a list, use those that exist; log the others once ─▶ try all again later
                   └─▶ one is closed?  ─▶ log it once; the engine leaves it out                ─▶ try all again later
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
    """The watched indices that a search can read now.

    Args:
        es: the cluster.
        index: data stream, index, list, alias or pattern that is watched.
        again_s: seconds until all of them are tried again.
    """

    def __init__(self, es: Elasticsearch, index: str, *, again_s: float) -> None:
        self._es, self._all, self._again_s = es, index, again_s
        self.index = index
        """The names that exist."""
        self._closed = False
        self._until_s = 0.0
        self._logged: set[str] = set()

    def is_anything_pending(self, *, without: tuple[str, ...] = ()) -> bool:
        """Whether an index that can be read has a pending document.

        Raises:
            IndexMissingError: none of the watched indices exists.
            EngineUnavailableError: all of them are closed, or Elasticsearch does not answer.
        """
        if time.monotonic() > self._until_s:
            self.index, self._closed = self._all, False
        for _ in range(3):  # one may be missing and another closed
            try:
                return self._ask(without)
            except IndexMissingError:
                self._leave_out_missing()
            except IndexClosedError:
                self._leave_out_closed()
        return self._ask(without)

    def _ask(self, without: tuple[str, ...]) -> bool:
        try:
            return is_anything_pending(self._es, self.index, without=without, strictly=not self._closed)
        except IndexMissingError:
            if self._closed:
                raise EngineUnavailableError(
                    f"every index of {self._all!r} is closed; open one with `POST /{self._all}/_open`, or "
                    "name others in OVERSIGHT_INDEX"
                ) from None
            raise

    def _leave_out_missing(self) -> None:
        there = those_that_exist(self._es, self._all)
        if there == self.index:
            raise index_missing(self._all)
        self.index = there
        self._later(
            f"of the indices {self._all} only {there} exist; continuing with these, looking for the others again in "
            f"{self._again_s:.0f} s"
        )

    def _leave_out_closed(self) -> None:
        self._closed = True
        with engine_faults("looking for closed indices", index=self.index):
            closed = closed_indices(self._es, self.index)
        if closed:
            self._later(closed_message(closed))

    def _later(self, message: str) -> None:
        self._until_s = time.monotonic() + self._again_s
        if message not in self._logged:
            self._logged.add(message)
            log.warning(
                "%s",
                message,
                extra={"event.action": "leave-out", "event.outcome": "failure", "watcher.index": self.index},
            )


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
