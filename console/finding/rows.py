"""The list of events: its columns, its order, and its rows as JSON.

?sort=event.risk_score:desc ──▶ order() ──▶ Wanted ──▶ lists.py ──▶ rows with index, id and what was seen of the verdict
"""

from __future__ import annotations

import dataclasses
from typing import Any

from console.finding.fields import Fields, is_searchable
from console.finding.lists import Page
from console.panels.board import panel_data
from console.panels.chart import Colours
from console.panels.scope import Scope
from contract.documents.fields import BY_NAME, STATUS
from contract.errors import InputError, shorten
from kibana.panels.declarations import Dashboard, Panel, SavedSearch
from kibana.panels.model_view import LABEL
from watcher.verdicts.feedback import seen_in

FEEDBACK = "oversight.feedback"
DIRECTIONS = ("asc", "desc")


def listed_panel(board: Dashboard) -> tuple[Panel, SavedSearch] | None:
    """Return the panel of a page that lists events and turns pages; None if the page has none."""
    for panel in board.panels:
        if panel.search is not None and panel.search.turns_pages:
            return panel, panel.search
    return None


def without_list(board: Dashboard) -> Dashboard:
    """Return the page without its list, which the browser requests by itself."""
    found = listed_panel(board)
    if found is None:
        return board
    return dataclasses.replace(board, panels=tuple(panel for panel in board.panels if panel is not found[0]))


def sortable(search: SavedSearch, fields: Fields) -> list[str]:
    """Return the fields by which the list can be sorted: the time, and its columns that Elasticsearch can sort."""
    known = [(column.field, fields.find(column.field)) for column in search.columns]
    return [search.source.time_field, *(name for name, field in known if field is not None and is_searchable(field))]


def order(text: str, search: SavedSearch, fields: Fields) -> tuple[str, str]:
    """Return field and direction of `FIELD:asc` or `FIELD:desc`; without text, those of the list.

    Raises:
        InputError: there is no such column, or Elasticsearch cannot sort by it.
    """
    if not text:
        return search.order
    name, _, direction = text.rpartition(":")
    names = sortable(search, fields)
    if name not in names or direction not in DIRECTIONS:
        raise InputError(
            f"the list cannot be sorted by {shorten(text)}; expected FIELD:asc or FIELD:desc with one of "
            f"{', '.join(names)}"
        )
    return name, direction


def sort_of(by: tuple[str, str], search: SavedSearch, fields: Fields) -> list[dict[str, Any]]:
    """Return the order as Elasticsearch takes it: events with equal values by time, newest first."""
    time_field = search.source.time_field
    wanted = [by] if by[0] == time_field else [by, (time_field, "desc")]
    return [
        {name: {"order": direction, "missing": "_last", "unmapped_type": _type_of(name, fields)}}
        for name, direction in wanted
    ]


def _type_of(name: str, fields: Fields) -> str:
    field = fields.find(name) or BY_NAME[name]
    return field.kind


def wanted_fields(search: SavedSearch) -> list[str]:
    """Return the fields that a page of the list reads."""
    return [
        search.source.time_field,
        STATUS,
        LABEL,
        FEEDBACK,
        "event.kind",
        *(column.field for column in search.columns),
    ]


def rows(panel: Panel, page: Page, scope: Scope, colours: Colours) -> dict[str, Any]:
    """Return a page of the list in the form of a panel, with what the page needs to turn and to judge."""
    answer = {"hits": {"hits": list(page.hits), "total": {"value": page.total}}}
    data = panel_data(panel, answer, scope, colours)
    table = data["table"]
    table["left_out"] = 0
    for row, hit in zip(table["rows"], page.hits, strict=True):
        row["seen"] = seen_in(hit.get("_source") or {})
    return data | {
        "list": {
            "key": page.key,
            "page": page.number,
            "first": page.first,
            "last": page.first + len(page.hits) - 1,
            "total": page.total,
            "more": page.more,
            "notice": page.notice,
        }
    }
