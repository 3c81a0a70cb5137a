"""Compile a dashboard to a saved object: header, panels on the grid, controls and references.

Dashboard ──▶ places ──▶ panelsJSON         ──┐
Control   ──▶ controlGroupInput             ──┼─▶ saved object of type dashboard
charts, searches, data views ──▶ references ──┘
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from contract.artifact.contract import ModelContract
from kibana.panels.boards import known_fields
from kibana.panels.declarations import Boards, Control, Dashboard, Panel
from kibana.saved_objects import lens
from kibana.saved_objects.data_views import data_view_id
from kibana.saved_objects.layout import COLUMNS, Place, places
from kibana.saved_objects.objects import Names, Reference, SavedObject, dump, search_source

LINKS, HEADER = "links", "header"
LINKS_HEIGHT, HEADER_HEIGHT = 4, 4
"""Rows of the grid. Kibana gives a new panel of links in one row the same height."""
DRILL_DOWN = "DASHBOARD_TO_DASHBOARD_DRILLDOWN"
OPTIONS = {"useMargins": True, "syncColors": False, "syncCursor": True, "syncTooltips": False, "hidePanelTitles": False}


def dashboard_object(names: Names, board: Dashboard, boards: Boards, contract: ModelContract) -> SavedObject:
    """The saved object of one dashboard."""
    links, named_links = _links(names, boards.dashboards)
    panels: list[dict[str, Any]] = [links, _header(board)]
    references: list[Reference] = [*named_links]
    for panel, place in places(board.panels, top=LINKS_HEIGHT + HEADER_HEIGHT):
        entry, named = (
            _documents(names, panel) if panel.chart == "documents" else _chart(names, panel, boards, contract)
        )
        drill, targets = _drill_down(names, panel)
        entry["embeddableConfig"]["enhancements"] = drill
        if panel.chart == "metric":
            entry["embeddableConfig"]["hidePanelTitles"] = True  # a metric shows its title beside the number
        panels.append({"gridData": _grid(panel.id, place), "panelIndex": panel.id, "title": panel.title} | entry)
        references += [*named, *targets]
    controls, named = _controls(names, board)
    attributes = {
        "title": names.title(board.title if board.title.startswith("Oversight") else f"Oversight: {board.title}"),
        "description": board.description,
        "version": 1,
        "timeRestore": True,
        "timeFrom": board.time_from,
        "timeTo": board.time_to,
        "refreshInterval": {"pause": False, "value": board.refresh_s * 1_000},
        "optionsJSON": dump(OPTIONS),
        "panelsJSON": dump(panels),
        "kibanaSavedObjectMeta": search_source(),
    }
    return SavedObject("dashboard", names.id("dashboard", board.id), attributes | controls, (*references, *named))


def _grid(panel: str, place: Place) -> dict[str, Any]:
    return {"x": place.x, "y": place.y, "w": place.width, "h": place.height, "i": panel}


def _links(names: Names, boards: Sequence[Dashboard]) -> tuple[dict[str, Any], list[Reference]]:
    """The panel of links to all dashboards, which keep time range and filters."""
    options = {"openInNewTab": False, "useCurrentDateRange": True, "useCurrentFilters": True}
    links = [
        {
            "id": board.id,
            "type": "dashboardLink",
            "order": order,
            "label": board.title,
            "destinationRefName": f"link_{board.id}_dashboard",
            "options": options,
        }
        for order, board in enumerate(boards)
    ]
    references = [
        Reference(f"{LINKS}:link_{board.id}_dashboard", "dashboard", names.id("dashboard", board.id))
        for board in boards
    ]
    panel = {
        "type": "links",
        "gridData": _grid(LINKS, Place(0, 0, COLUMNS, LINKS_HEIGHT)),
        "panelIndex": LINKS,
        "title": "",
        "embeddableConfig": {
            "hidePanelTitles": True,
            "enhancements": {},
            "attributes": {"title": "", "layout": "horizontal", "links": links},
        },
    }
    return panel, references


def _header(board: Dashboard) -> dict[str, Any]:
    """The Markdown panel below the links: what the dashboard shows."""
    markdown = {"fontSize": 12, "openLinksInNewTab": False, "markdown": board.intro}
    nothing = {"query": {"query": "", "language": "kuery"}, "filter": []}
    return {
        "type": "visualization",
        "gridData": _grid(HEADER, Place(0, LINKS_HEIGHT, COLUMNS, HEADER_HEIGHT)),
        "panelIndex": HEADER,
        "title": "",
        "embeddableConfig": {
            "hidePanelTitles": True,
            "enhancements": {},
            "savedVis": {
                "title": "",
                "description": "",
                "type": "markdown",
                "params": markdown,
                "uiState": {},
                "data": {"aggs": [], "searchSource": nothing},
            },
        },
    }


def _chart(
    names: Names, panel: Panel, boards: Boards, contract: ModelContract
) -> tuple[dict[str, Any], list[Reference]]:
    data_view = data_view_id(names, panel.source)
    kinds = known_fields(contract, panel.source)
    chart = lens.attributes(panel, data_view=data_view, kinds=kinds, palette=boards.colours)
    inner = lens.layer_references(panel, data_view)
    outer = [Reference(f"{panel.id}:{each.name}", each.type, each.id) for each in inner]
    return {"type": "lens", "embeddableConfig": {"attributes": chart}}, outer


def _documents(names: Names, panel: Panel) -> tuple[dict[str, Any], list[Reference]]:
    """A panel that shows a saved search. A click on one of its rows opens the whole document."""
    name = f"panel_{panel.id}"
    search = "" if panel.search is None else panel.search.id
    reference = Reference(f"{panel.id}:{name}", "search", names.id("search", search))
    return {"type": "search", "panelRefName": name, "embeddableConfig": {}}, [reference]


def _drill_down(names: Names, panel: Panel) -> tuple[Mapping[str, Any], list[Reference]]:
    """The action that opens another dashboard with the clicked value as a filter. Works with the basic licence."""
    if panel.drill_down is None or len(panel.by) > 1:
        return {}, []
    event = f"{panel.id}-drill-down"
    action = {
        "factoryId": DRILL_DOWN,
        "name": f"Go to {panel.drill_down.capitalize()}",
        "config": {"useCurrentFilters": True, "useCurrentDateRange": True, "openInNewTab": False},
    }
    events = [{"eventId": event, "triggers": ["FILTER_TRIGGER"], "action": action}]
    name = f"{panel.id}:drilldown:{DRILL_DOWN}:{event}:dashboardId"
    target = Reference(name, "dashboard", names.id("dashboard", panel.drill_down))
    return {"dynamicActions": {"events": events}}, [target]


def _controls(names: Names, board: Dashboard) -> tuple[dict[str, Any], list[Reference]]:
    """The controls above the panels."""
    if not board.controls:
        return {}, []
    source = board.panels[0].source
    ignored = {"ignoreFilters": False, "ignoreQuery": False, "ignoreTimerange": False, "ignoreValidations": False}
    group = {
        "controlStyle": "oneLine",
        "chainingSystem": "HIERARCHICAL",
        "ignoreParentSettingsJSON": dump(ignored),
        "panelsJSON": dump({each.id: _control(each, order) for order, each in enumerate(board.controls)}),
    }
    references = [
        Reference(f"controlGroup_{each.id}:optionsListDataView", "index-pattern", data_view_id(names, source))
        for each in board.controls
    ]
    return {"controlGroupInput": group}, references


def _control(control: Control, order: int) -> dict[str, Any]:
    wanted = {
        "id": control.id,
        "fieldName": control.field,
        "title": control.title,
        "searchTechnique": "prefix",
        "selectedOptions": [],
        "enhancements": {},
    }
    return {"type": "optionsListControl", "order": order, "grow": True, "width": "medium", "explicitInput": wanted}
