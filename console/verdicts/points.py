"""What a person is about to judge in one go: an incident, or everything that the filters of a page hold.

incident, or page and address ──▶ query ──▶ point in time and count ──▶ confirmation ──▶ verdict on exactly these
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from elasticsearch import Elasticsearch
from werkzeug.datastructures import MultiDict

from console.panels.board import scope_at
from console.panels.indices import Indices
from console.panels.models import DashboardCache
from console.panels.scope import asked
from console.panels.searches import Engine
from console.verdicts.bodies import Choose
from console.web.access import AccessError
from console.web.sessions import Session
from kibana.panels.declarations import EVENTS, Dashboard
from watcher.incidents.events import events_of
from watcher.incidents.rules import Rules
from watcher.verdicts.chosen import KEEP_ALIVE_S, WITH_PREDICTION, Point

MOST_OF_A_SESSION, MOST = 3, 60
"""Open points of one session, and of the console. The oldest is closed for a new one: Elasticsearch keeps what they
show.
"""


@dataclass(frozen=True, slots=True)
class Opened:
    """A point in time, and the session that opened it."""

    session_id: str
    point: Point
    what: dict[str, str]
    """For the log."""
    opened_s: float


class Points:
    """The open points of this console. Threads share it.

    Args:
        engine: reads the time of the first event.
        models: the model and its pages.
        indices: what the console shows.
        rules: returns how the alerts of the current model form incidents.
        writer: returns the client that may write.
    """

    def __init__(
        self,
        engine: Engine,
        models: DashboardCache,
        indices: Indices,
        rules: Callable[[], Rules],
        writer: Callable[[], Elasticsearch],
    ) -> None:
        self._engine, self._models, self._indices, self._rules = engine, models, indices, rules
        self._writer = writer
        self._opened: dict[str, Opened] = {}
        self._lock = threading.Lock()

    def open(self, session: Session, chosen: Choose) -> dict[str, Any]:
        """Fix what is chosen. Return its id and the number of events.

        Raises:
            InputError: the incident or the address is not valid.
            EngineUnavailableError: Elasticsearch does not answer.
        """
        query, what = self._query(chosen)
        point = Point(self._writer(), self._indices.events, query, stop=threading.Event())
        opened = Opened(session.id, point, what, time.monotonic())
        name = secrets.token_hex(8)
        with self._lock:
            closed = self._closed_for(session)
            self._opened[name] = opened
        for each in closed:
            each.point.close()
        return {"point": name, "count": point.count}

    def take(self, session: Session, name: str) -> Opened:
        """Return a point of a session, which can be used once.

        Raises:
            AccessError: this session has no such point.
        """
        with self._lock:
            opened = self._opened.get(name)
            if opened is None or opened.session_id != session.id:
                raise AccessError(410, "point_gone", "these events are no longer fixed; choose them again")
            del self._opened[name]
        return opened

    def put_back(self, name: str, opened: Opened) -> None:
        """Keep a point that could not be used now."""
        with self._lock:
            self._opened[name] = opened

    def _query(self, chosen: Choose) -> tuple[dict[str, Any], dict[str, str]]:
        if (chosen.incident is None) == (chosen.page is None):
            raise AccessError(400, "bad_request", "choose an incident or a page; reload the page")
        if chosen.incident is not None:
            query = events_of(self._writer(), self._indices.events, self._rules(), chosen.incident)
            return {"bool": {"filter": [query, WITH_PREDICTION]}}, {"console.verdict.incident": chosen.incident}
        shown = self._models.now
        board = shown.page(chosen.page or "")
        if board is None:
            raise AccessError(404, "not_found", f"there is no page {(chosen.page or '')[:60]!r}")
        arguments = MultiDict(parse_qsl(chosen.query, keep_blank_values=True, max_num_fields=200))
        wanted = asked(arguments, board, shown.fields)
        scope = scope_at(self._engine, wanted, self._indices, now_ms=time.time_ns() // 1_000_000)
        return {"bool": {"filter": [_listed(board, scope.query, scope.filters), WITH_PREDICTION]}}, {
            "console.verdict.page": board.id,
            "console.verdict.query": chosen.query,
        }

    def _closed_for(self, session: Session) -> list[Opened]:
        """Remove points that have expired, and the oldest ones if there are too many."""
        now_s = time.monotonic()
        gone = [name for name, each in self._opened.items() if now_s - each.opened_s > KEEP_ALIVE_S]
        own = [name for name, each in self._opened.items() if each.session_id == session.id and name not in gone]
        gone += own[: max(0, len(own) - MOST_OF_A_SESSION + 1)]
        rest = [name for name in self._opened if name not in gone]
        gone += rest[: max(0, len(rest) - MOST + 1)]
        return [self._opened.pop(name) for name in gone]


def _listed(board: Dashboard, query: Callable[..., Any], filters: Callable[..., Any]) -> dict[str, Any]:
    """Return the query of the documents that a page lists; without a list, of all events in its filters."""
    panel = next((each for each in board.panels if each.chart == "documents"), None)
    found: dict[str, Any] = {"bool": {"filter": filters(EVENTS)}} if panel is None else query(panel)
    return found
