"""Lists that turn their pages without limit: a point in time, and the sort values where each page begins.

    page 1 ──▶ an ordinary search, so that it shows new events
    page 2 ──▶ open a point in time ──▶ skip page 1 ──▶ search ──▶ where page 3 begins
    page n ──▶ search_after where it begins ──▶ where page n + 1 begins          (the cost of page 1)
    lapsed ──▶ open it again, and continue after the same sort values

The page has a short key, because the id of a point in time and sort values can be longer than a URL. An unknown key
(the console was restarted, or the list was forgotten) gives the same page in a new list, up to `FARTHEST` events.
"""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from console.panels.searches import Engine, PointLapsedError, is_too_large, problem_of
from contract.errors import EngineUnavailableError

MOST_LISTS = 32
"""Open lists. One more closes the one that was used longest ago."""
MOST_POSITION_BYTES = 512 * 1024
"""Most bytes for the positions of one list: about 5,000 pages. Then the oldest are forgotten."""
FARTHEST = 10_000
"""Events that a new list can skip to begin at a later page. Elasticsearch returns no more at once."""
MOST_TIES = 100
"""Most events that are remembered to not show them twice after a list lapsed."""
BEFORE_ALL = -1
"""Tie-breaker below those of all documents."""
LAPSED = (
    "The list had lapsed, so it was opened again and continues at the same place. Events that arrived or changed "
    "meanwhile are in it now."
)
STARTED_AGAIN = "This page of the list is no longer known, so the list starts again at its first page."
Hit = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a list shows."""

    index: str
    query: Mapping[str, Any]
    sort: Sequence[Mapping[str, Any]]
    """Without the tie-breaker, which is added."""
    source: Sequence[str]
    size: int
    """Events of a page."""
    limit_bytes: int
    """Largest response for one page. A page of larger events has fewer of them."""
    same: str
    """What must be equal so that a key can be used again: the arguments of the URL, without the page."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list."""

    key: str
    number: int
    first: int
    """Number of its first event in the list, from 1."""
    hits: Sequence[Hit]
    total: int
    more: bool
    """Whether another page follows."""
    notice: str | None = None


@dataclass(frozen=True, slots=True)
class _Position:
    offset: int
    after: Sequence[Any] | None = None
    seen: frozenset[tuple[str, str]] = frozenset()
    """Events before this position whose sort values are equal to the last one's."""

    @property
    def size(self) -> int:
        """Approximate bytes of memory."""
        return 100 + len(orjson.dumps(self.after)) + 150 * len(self.seen)


@dataclass(slots=True)
class _List:
    wanted: Wanted
    point: str
    size: int
    """Events of the next page: fewer while events are large."""
    total: int | None = None
    positions: OrderedDict[int, _Position] = field(default_factory=lambda: OrderedDict({1: _Position(0)}))

    def remember(self, number: int, position: _Position) -> None:
        self.positions[number] = position
        while len(self.positions) > 2 and sum(one.size for one in self.positions.values()) > MOST_POSITION_BYTES:
            oldest = next(known for known in self.positions if known != 1)
            del self.positions[oldest]


class Lists:
    """The open lists of this process. Threads share them.

    Args:
        engine: where the events are.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine, self._lock = engine, threading.Lock()
        self._lists: OrderedDict[str, _List] = OrderedDict()

    def page(self, wanted: Wanted, *, key: str, number: int, live: bool = False) -> Page:
        """Return one page.

        Args:
            wanted: what the list shows. An open list keeps the query and the time range with which it was opened.
            key: key of the list, as its last page gave it; anything else opens a new list.
            number: the page, from 1.
            live: page 1 without a key shows the events of this moment, and opens no list.
        Raises:
            EngineUnavailableError: Elasticsearch does not respond.
        """
        known = self._known(key, wanted)
        if known is not None and number in known.positions:
            return self._turn(key, known, number)
        newest = self._newest(wanted) if live and number == 1 else None
        if newest is not None:
            return newest
        point = self._engine.open_point(wanted.index)
        if point is None:
            return Page("", 1, 1, (), 0, more=False)
        key, opened = secrets.token_urlsafe(9), _List(wanted, point, wanted.size)
        self._keep(key, opened)
        if number == 1 or self._skip_to(opened, number):
            return self._turn(key, opened, number)
        return self._turn(key, opened, 1, notice=STARTED_AGAIN)

    def _newest(self, wanted: Wanted) -> Page | None:
        """Return page 1 as it is now; None if its events are so large that the page has fewer of them."""
        body = {
            "query": wanted.query,
            "sort": wanted.sort,
            "_source": list(wanted.source),
            "size": wanted.size,
            "track_total_hits": True,
        }
        (answer,) = self._engine.msearch([(wanted.index, body)])
        problem = problem_of(answer)
        if problem is not None and not is_too_large(answer):
            raise EngineUnavailableError(problem)
        found = answer.get("hits") or {}
        hits, total = found.get("hits") or [], (found.get("total") or {}).get("value", 0)
        if problem is not None or len(hits) < min(wanted.size, total):
            return None
        return Page("", 1, 1, hits, total, more=total > len(hits))

    def close(self, key: str) -> None:
        """Close a list that is read to its end."""
        with self._lock:
            found = self._lists.pop(key, None)
        if found is not None:
            self._engine.close_point(found.point)

    def _known(self, key: str, wanted: Wanted) -> _List | None:
        with self._lock:
            found = self._lists.get(key)
            if found is None or found.wanted.same != wanted.same:
                return None
            self._lists.move_to_end(key)
            return found

    def _keep(self, key: str, opened: _List) -> None:
        with self._lock:
            self._lists[key] = opened
            forgotten = self._lists.popitem(last=False)[1] if len(self._lists) > MOST_LISTS else None
        if forgotten is not None:
            self._engine.close_point(forgotten.point)

    def _turn(self, key: str, found: _List, number: int, notice: str | None = None) -> Page:
        position = found.positions[number]
        try:
            hits, more = self._search(found, position)
        except PointLapsedError:
            notice, position = LAPSED, self._again(found, position)
            hits, more = self._search(found, position)
        end = position.offset + len(hits)
        if hits:
            found.remember(number + 1, _Position(end, hits[-1]["sort"], _ties(hits, len(found.wanted.sort))))
        total = max(found.total or 0, end)
        return Page(key, number, position.offset + 1, hits, total, more=more, notice=notice)

    def _again(self, found: _List, position: _Position) -> _Position:
        """Open the point in time of a list again. Its documents have other numbers, so equal ones are read again."""
        point = self._engine.open_point(found.wanted.index)
        if point is None:
            raise PointLapsedError("the events of this list are gone: their index was deleted; reload the page")
        found.point, found.total = point, None
        after = None if position.after is None else [*position.after[: len(found.wanted.sort)], BEFORE_ALL]
        return _Position(position.offset, after, position.seen)

    def _search(self, found: _List, position: _Position) -> tuple[Sequence[Hit], bool]:
        """Return the events of a page, and whether more follow: one more than the page needs is read to know that."""
        repeated = len(position.seen) if position.after is not None and position.after[-1] == BEFORE_ALL else 0
        body: dict[str, Any] = {
            "query": found.wanted.query,
            "sort": [*found.wanted.sort, {"_shard_doc": "asc"}],
            "source": list(found.wanted.source),
            "size": found.size + repeated + 1,
            "track_total_hits": found.total is None,
        }
        if position.after is not None:
            body["search_after"] = position.after
        answer, size = self._engine.search_point(found.point, body, limit_bytes=found.wanted.limit_bytes)
        found.point = answer.get("pit_id", found.point)
        if found.total is None:
            found.total = int(answer["hits"]["total"]["value"])
        hits = answer["hits"]["hits"]
        fresh = [hit for hit in hits if (hit["_index"], hit["_id"]) not in position.seen] or hits
        if size < body["size"]:
            found.size = size
            return fresh, len(hits) == size
        shown, more = fresh[: found.size], len(fresh) > found.size
        found.size = min(found.wanted.size, found.size * 2)
        return shown, more

    def _skip_to(self, opened: _List, number: int) -> bool:
        """Find where a page begins; of the documents before it, only sort values are read. False: there is none."""
        offset = (number - 1) * opened.wanted.size
        if offset > FARTHEST:
            return False
        body = {
            "query": opened.wanted.query,
            "sort": [*opened.wanted.sort, {"_shard_doc": "asc"}],
            "source": False,
            "size": offset,
            "track_total_hits": True,
        }
        answer, _ = self._engine.search_point(opened.point, body, limit_bytes=opened.wanted.limit_bytes)
        hits = answer["hits"]["hits"]
        if len(hits) < offset or answer["hits"]["total"]["value"] <= offset:
            return False
        opened.total = int(answer["hits"]["total"]["value"])
        opened.remember(number, _Position(offset, hits[-1]["sort"], _ties(hits, len(opened.wanted.sort))))
        return True


def _ties(hits: Sequence[Hit], columns: int) -> frozenset[tuple[str, str]]:
    """Return the last events with equal sort values, without the tie-breaker."""
    last = hits[-1]["sort"][:columns]
    found: list[tuple[str, str]] = []
    for hit in reversed(hits):
        if hit["sort"][:columns] != last or len(found) == MOST_TIES:
            break
        found.append((hit["_index"], hit["_id"]))
    return frozenset(found)
