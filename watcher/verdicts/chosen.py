"""Choose the documents to judge: by the first digits of an id, or everything that a query matches at one moment.

3f8a91c0 ──▶ an id? ──no──▶ the one id that begins so, else the candidates
query ─────▶ point in time ──▶ count, for the confirmation ──▶ pages of these very documents
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Mapping
from functools import partial
from typing import Any, Self, TypeVar

from elasticsearch import Elasticsearch

from common.backoff import Backoff
from contract.documents.fields import PREDICTED_LABEL
from contract.errors import EngineUnavailableError, InputError, shorten
from watcher.elastic_faults import PointInTimeLostError
from watcher.read.hit import Hit
from watcher.read.poll import PointInTime, Wanted
from watcher.read.readable_indices import refresh
from watcher.read.retried import retried
from watcher.verdicts.documents import as_they_are, find, unknown, with_id
from watcher.verdicts.feedback import READ

T = TypeVar("T")

KEEP_ALIVE_S = 600.0
"""How long a point in time waits for the confirmation, and for the next page."""
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 30.0
PAGE, IDS_PAGE = 1_000, 10_000
LEAST_DIGITS = 6
"""Fewer digits fit too many ids."""
MOST_CANDIDATES = 10
WITH_PREDICTION: Mapping[str, Any] = {"exists": {"field": PREDICTED_LABEL}}


class Point:
    """The documents that match a query at one moment. Close it, or let it expire.

    Args:
        es: the cluster.
        index: data stream, index, list or pattern.
        query: which documents.
        stop: ends waits for a server that does not answer.
    Raises:
        InputError: Elasticsearch does not understand the query.
        EngineUnavailableError: Elasticsearch does not answer.
    """

    def __init__(self, es: Elasticsearch, index: str, query: Mapping[str, Any], *, stop: threading.Event) -> None:
        self.es, self.index, self._query, self._stop = es, index, query, stop
        refresh(es, index)
        self._point = PointInTime(es, index, keep_alive_s=KEEP_ALIVE_S, attempt=self._retried)
        try:
            self.count = self._retried(partial(self._point.count, query))
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let Elasticsearch forget it."""
        self._point.close()

    def pages(self) -> Generator[list[Hit], None, None]:
        """Return the documents, in pages.

        Raises:
            EngineUnavailableError: Elasticsearch does not answer, or the point in time has expired.
        """
        try:
            yield from self._point.pages(Wanted(self._query, READ, PAGE, few_fields=READ, every_shard=True))
        except PointInTimeLostError:
            raise EngineUnavailableError(
                f"Elasticsearch no longer has the chosen documents (it keeps them for {KEEP_ALIVE_S / 60:.0f} minutes, "
                "and not over a restart); choose them again"
            ) from None

    def _retried(self, send: Callable[[], T]) -> T:
        return retried(send, backoff=Backoff(FIRST_WAIT_S, LONGEST_WAIT_S), stop=self._stop)


def id_of(es: Elasticsearch, index: str, digits: str) -> Hit:
    """Return the document with an id, or the one with a prediction whose id begins with these digits.

    No engine finds ids by their beginning, so all ids are read if there is no such whole id: about a second for 100,000
    documents.

    Raises:
        InputError: there is none, there are several (it lists them), or there are too few digits.
        EngineUnavailableError: Elasticsearch does not answer.
    """
    if with_id(es, index, digits):
        return find(es, index, digits)
    if len(digits) < LEAST_DIGITS:
        raise unknown(digits, index)
    found = _beginning(es, index, digits)
    if not found:
        raise unknown(digits, index)
    if len(found) > 1:
        shown = ", ".join(sorted({hit.id for hit in found[:MOST_CANDIDATES]}))
        more = ", ..." if len(found) > MOST_CANDIDATES else ""
        raise InputError(f"several documents begin with {shorten(digits)}: {shown}{more}; give more digits")
    return found[0]


def _beginning(es: Elasticsearch, index: str, digits: str) -> list[Hit]:
    """Return documents whose id begins with these digits, a few more than are listed."""
    found: list[Hit] = []
    with PointInTime(es, index, keep_alive_s=KEEP_ALIVE_S) as point:
        for page in point.pages(Wanted(WITH_PREDICTION, (), IDS_PAGE, every_shard=True)):
            found += [hit for hit in page if hit.id.startswith(digits)]
            if len(found) > MOST_CANDIDATES:
                break
    return [hit for hit in as_they_are(es, found) if hit is not None]
