"""Compile all saved objects of one installation, each after the objects that it refers to.

ModelContract ──▶ boards() ──▶ data views, searches, queries, dashboards ──▶ saved objects ──▶ NDJSON
"""

from __future__ import annotations

from contract.artifact.contract import ModelContract
from kibana.panels.boards import boards
from kibana.panels.conditions import kql
from kibana.panels.declarations import SOURCES, Column, SavedQuery, SavedSearch
from kibana.saved_objects.dashboard_objects import dashboard_object
from kibana.saved_objects.data_views import CONSOLE_TITLE, CONSOLE_WIDTH, DOCUMENT_ID, data_view, data_view_id
from kibana.saved_objects.objects import Names, Reference, SavedObject, search_source

INDEX_REFERENCE = "kibanaSavedObjectMeta.searchSourceJSON.index"


def saved_objects(contract: ModelContract, names: Names, *, console_url: str | None = None) -> list[SavedObject]:
    """Data views, saved searches, saved queries and dashboards. They refer only to each other.

    Args:
        contract: the model's contract.
        names: ids and titles.
        console_url: address of the console, to which each listed event links; None: no link.
    """
    declared = boards(contract)
    return [
        *(data_view(names, source, contract, declared.searches, console_url=console_url) for source in SOURCES),
        *(_search(names, search, linked=console_url is not None) for search in declared.searches),
        *(_query(names, query) for query in declared.queries),
        *(dashboard_object(names, board, declared, contract) for board in declared.dashboards),
    ]


def _search(names: Names, search: SavedSearch, *, linked: bool) -> SavedObject:
    columns = search.columns
    if linked and not search.source.heartbeats:
        columns = (Column(field=DOCUMENT_ID, title=CONSOLE_TITLE, width=CONSOLE_WIDTH), *columns)
    widths = {column.field: {"width": column.width} for column in columns if column.width is not None}
    meta = search_source(kql(search.where), index=INDEX_REFERENCE, extra={"highlightAll": True, "version": True})
    return SavedObject(
        "search",
        names.id("search", search.id),
        {
            "title": names.title(search.title if search.title.startswith("Threats") else f"Oversight: {search.title}"),
            "description": search.description,
            "columns": [column.field for column in columns],
            "sort": [list(search.order)],
            "grid": {"columns": widths},
            "hideChart": False,
            "isTextBasedQuery": False,
            "timeRestore": False,
            "kibanaSavedObjectMeta": meta,
        },
        (Reference(INDEX_REFERENCE, "index-pattern", data_view_id(names, search.source)),),
    )


def _query(names: Names, query: SavedQuery) -> SavedObject:
    return SavedObject(
        "query",
        names.id("query", query.id),
        {
            "title": names.title(f"Oversight: {query.title}"),
            "description": query.description,
            "query": {"language": "kuery", "query": kql(query.where)},
            "filters": [],
            "timefilter": {
                "from": query.time_from,
                "to": query.time_to,
                "refreshInterval": {"pause": True, "value": 60_000},
            },
        },
    )
