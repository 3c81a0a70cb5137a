"""The routes of finding.

GET /api/list?page=&list=&sort=...         one page of the list of events
GET /api/export?format=&page=&list=&...    one part of the same list as text
GET /api/fields                            the fields that a query line can name
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from flask import Flask, Response, request

from console.finding.export import PART_BYTES, PART_EVENTS, Format, text_of
from console.finding.lists import Lists, Page, Wanted
from console.finding.rows import listed_panel, order, rows, sort_of, sortable, wanted_fields
from console.panels.board import scope_at
from console.panels.indices import Indices
from console.panels.models import DashboardCache, Shown
from console.panels.query import MOST_LISTED
from console.panels.scope import Scope, asked
from console.panels.searches import PAGE_BYTES, Engine
from contract.errors import InputError, shorten
from kibana.panels.declarations import Panel, SavedSearch

PAGE = "events"
FORMATS: tuple[Format, ...] = ("csv", "jsonl")
NOT_THE_LIST = ("page", "list", "format", "event")
"""Arguments that do not change which events a list has."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request for a page of the list."""

    shown: Shown
    panel: Panel
    search: SavedSearch
    by: tuple[str, str]
    scope: Scope
    page: Page


class Routes:
    """The list of events and its export.

    Args:
        engine: where the events are.
        models: the current model.
        indices: what the console shows.
        answer: makes a JSON response.
    """

    def __init__(
        self, engine: Engine, models: DashboardCache, indices: Indices, answer: Callable[[Any], Response]
    ) -> None:
        self._engine, self._models, self._indices, self._answer = engine, models, indices, answer
        self._lists = Lists(engine)

    def register(self, app: Flask) -> None:
        """Add the routes to the application."""
        for path, view in (("/api/list", self.list), ("/api/export", self.export), ("/api/fields", self.fields)):
            app.add_url_rule(path, endpoint=path, view_func=view, methods=["GET"])

    def fields(self) -> Response:
        """Return the fields for the suggestions of the query line."""
        return self._answer({"fields": self._models.now.fields.listed()})

    def list(self) -> Response:
        """Return one page of the list."""
        found = self._page(MOST_LISTED, PAGE_BYTES, live=True)
        data = rows(found.panel, found.page, found.scope, found.shown.boards.colours)
        return self._answer(data | {"sort": ":".join(found.by), "sortable": sortable(found.search, found.shown.fields)})

    def export(self) -> Response:
        """Return one part of the list as text, and how to get the next one."""
        format = _format(request.args.get("format", ""))  # noqa: A001
        found = self._page(PART_EVENTS, PART_BYTES)
        page = found.page
        names = list(
            dict.fromkeys([found.search.source.time_field, *(column.field for column in found.search.columns)])
        )
        if not page.more and page.key:
            self._lists.close(page.key)
        return self._answer(
            {
                "text": text_of(page.hits, names, format, head=page.number == 1),
                "events": page.first + len(page.hits) - 1,
                "total": page.total,
                "page": page.number,
                "list": page.key,
                "more": page.more,
                "notice": page.notice,
            }
        )

    def _page(self, size: int, limit_bytes: int, *, live: bool = False) -> _Asked:
        shown, board = self._models.now, self._models.now.page(PAGE)
        listed = None if board is None else listed_panel(board)
        if board is None or listed is None:
            raise InputError("this model has no list of events")
        panel, search = listed
        wanted, now_ms = asked(request.args, board, shown.fields), time.time_ns() // 1_000_000
        scope = scope_at(self._engine, wanted, self._indices, now_ms=now_ms)
        by = order(request.args.get("sort", ""), search, shown.fields)
        others = sorted((name, value) for name, value in request.args.items(multi=True) if name not in NOT_THE_LIST)
        page = self._lists.page(
            Wanted(
                index=self._indices.events,
                query=scope.query(panel),
                sort=sort_of(by, search, shown.fields),
                source=wanted_fields(search),
                size=size,
                limit_bytes=limit_bytes,
                same=repr((size, others)),
            ),
            key=request.args.get("list", ""),
            number=_number(request.args.get("page", "1")),
            live=live,
        )
        return _Asked(shown, panel, search, by, scope, page)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text)):
        raise InputError(f"the page is {shorten(text)}, expected a number from 1; open the list without `page`")
    return int(text)


def _format(text: str) -> Literal["csv", "jsonl"]:
    for known in FORMATS:
        if text == known:
            return known
    raise InputError(f"the format is {shorten(text)}, expected one of {', '.join(FORMATS)}")
