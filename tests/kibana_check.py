"""Checks saved objects against the rules of Kibana 8.19 and 9.x, taken from Kibana's source and exports.

    NDJSON ──▶ lines ──▶ envelope, references, versions ──▶ attributes by type ──▶ charts ──▶ a message for each fault

The tests run no Kibana and use these rules instead; see docs/known-limits.md.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from contract.artifact.contract import ModelContract
from kibana.panels.boards import known_fields
from kibana.panels.declarations import Boards

NEWEST = {
    "dashboard": (8, 9, 0),
    "search": (8, 0, 0),
    "query": (8, 0, 0),
    "index-pattern": (8, 0, 0),
    "visualization": (8, 5, 0),
}
"""Newest version of each type that an 8.19 server accepts."""
SERVERS_OWN = {"created_at", "created_by", "updated_at", "updated_by", "version", "namespaces", "sort", "originId"}
ENVELOPE = {"type", "id", "attributes", "references", "coreMigrationVersion", "typeMigrationVersion"}
REQUIRED = {
    "dashboard": {"title", "description", "kibanaSavedObjectMeta", "optionsJSON", "panelsJSON", "timeRestore"},
    "search": {"title", "description", "columns", "sort", "kibanaSavedObjectMeta"},
    "query": {"title", "query"},
    "index-pattern": {"title", "fields", "fieldAttrs", "runtimeFieldMap", "timeFieldName"},
    "visualization": {"title", "description", "visState", "uiStateJSON", "kibanaSavedObjectMeta"},
}
ALLOWED = {
    "dashboard": REQUIRED["dashboard"] | {"version", "controlGroupInput", "refreshInterval", "timeFrom", "timeTo"},
    "search": REQUIRED["search"] | {"grid", "hideChart", "isTextBasedQuery", "timeRestore"},
    "query": REQUIRED["query"] | {"description", "filters", "timefilter"},
    "index-pattern": REQUIRED["index-pattern"]
    | {"name", "fieldFormatMap", "sourceFilters", "allowHidden", "allowNoIndex", "typeMeta"},
    "visualization": REQUIRED["visualization"],
}
"""`dashboard` at 8.9.0, `search` and `query` accept no other attribute: another one fails the import."""
JSON_TEXT = {
    "dashboard": ("optionsJSON", "panelsJSON"),
    "index-pattern": ("fields", "fieldAttrs", "fieldFormatMap", "runtimeFieldMap", "sourceFilters"),
    "visualization": ("visState", "uiStateJSON"),
}
FORMATTERS = {"percent", "number", "bytes", "url", "color", "duration"}
COLUMN_PARAMS = {
    "count": {"emptyAsNull"},
    "unique_count": {"emptyAsNull"},
    "average": set(),
    "min": set(),
    "max": set(),
    "range": {"type", "ranges", "maxBars"},
    "static_value": {"value"},
    "percentile": {"percentile"},
    "terms": {"size", "orderBy", "orderDirection"},
    "date_histogram": {"interval"},
    "filters": {"filters"},
    "formula": {"formula", "isFormulaBroken"},
    "math": {"tinymathAst"},
    "overall_sum": set(),
}
NO_FIELD = {"filters", "formula", "math", "overall_sum", "static_value"}
VISUALIZATIONS = {
    "lnsXY": {"preferredSeriesType", "legend", "layers", "valueLabels"},
    "lnsPie": {"shape", "layers"},
    "lnsDatatable": {"layerId", "layerType", "columns"},
    "lnsMetric": {"layerId", "layerType", "metricAccessor"},
    "lnsHeatmap": {"shape", "layerId", "layerType", "xAccessor", "valueAccessor", "legend", "gridConfig"},
}
SERIES = {"bar_stacked", "bar_horizontal_stacked", "line"}
PIE_LAYER = {"primaryGroups", "metrics", "numberDisplay", "categoryDisplay", "legendDisplay", "nestedLegend"}
CONTROL_GROUP = {"controlStyle", "chainingSystem", "ignoreParentSettingsJSON", "panelsJSON"}


def faults(content: bytes) -> list[str]:
    """Return a message for each rule that the file breaks."""
    text = content.decode("utf-8")
    messages = [] if text.endswith("\n") else ["the file does not end with a newline"]
    objects = [json.loads(line) for line in text.rstrip("\n").split("\n")]
    keys = [(each["type"], each["id"]) for each in objects]
    messages += [f"{key} is twice in the file" for key in sorted({key for key in keys if keys.count(key) > 1})]
    for each in objects:
        messages += [f"{each['type']} {each['id']}: {fault}" for fault in _object_faults(each, set(keys))]
    return messages


def _object_faults(each: Mapping[str, Any], known: set[tuple[str, str]]) -> Iterator[str]:
    yield from _envelope_faults(each, known)
    attributes, kind = each["attributes"], each["type"]
    if lacking := REQUIRED[kind] - set(attributes):
        yield f"lacks {sorted(lacking)}"
    if more := set(attributes) - ALLOWED[kind]:
        yield f"has {sorted(more)}, which its schema does not allow"
    decoded = [name for name in JSON_TEXT.get(kind, ()) if not isinstance(attributes.get(name, "{}"), str)]
    if decoded:
        yield f"{decoded} is not a string"
        return
    if "kibanaSavedObjectMeta" in attributes:
        yield from _meta_faults(attributes["kibanaSavedObjectMeta"], each["references"])
    if not attributes["title"]:
        yield "has no title"
    if kind in _CHECKS:
        yield from _CHECKS[kind](attributes, each["references"])


def _envelope_faults(each: Mapping[str, Any], known: set[tuple[str, str]]) -> Iterator[str]:
    if set(each) & SERVERS_OWN:
        yield f"has {sorted(set(each) & SERVERS_OWN)}, which only the server writes"
    elif set(each) != ENVELOPE:
        yield f"keys are {sorted(each)}"
    if each["coreMigrationVersion"] != "8.8.0":
        yield f"coreMigrationVersion is {each['coreMigrationVersion']}"
    if tuple(map(int, each["typeMigrationVersion"].split("."))) > NEWEST[each["type"]]:
        yield f"typeMigrationVersion {each['typeMigrationVersion']} is newer than the oldest server's"
    names = [reference["name"] for reference in each["references"]]
    if len(names) != len(set(names)):
        yield "two references have the same name"
    for reference in each["references"]:
        if set(reference) != {"id", "name", "type"}:
            yield f"reference {reference} has other keys"
        if (reference["type"], reference["id"]) not in known:
            yield f"reference {reference['name']} points to {reference['id']}, which is not in the file"


def _meta_faults(meta: Mapping[str, Any], references: list[dict[str, str]]) -> Iterator[str]:
    source = json.loads(meta["searchSourceJSON"])
    if set(source["query"]) != {"language", "query"} or source["query"]["language"] != "kuery":
        yield f"query of searchSourceJSON is {source['query']}"
    if source["filter"] != []:
        yield "has filters; they belong in the query"
    name = source.get("indexRefName")
    if name is not None and name not in {reference["name"] for reference in references}:
        yield f"indexRefName {name} is not a reference"


def _search_faults(attributes: Mapping[str, Any], references: list[dict[str, str]]) -> Iterator[str]:
    if "indexRefName" not in json.loads(attributes["kibanaSavedObjectMeta"]["searchSourceJSON"]):
        yield "has no data view"
    if not all(isinstance(pair, list) and len(pair) == 2 and pair[1] in ("asc", "desc") for pair in attributes["sort"]):
        yield f"sort is {attributes['sort']}"
    if not set(attributes.get("grid", {}).get("columns", {})) <= set(attributes["columns"]):
        yield "grid has widths of missing columns"


def _query_faults(attributes: Mapping[str, Any], references: list[dict[str, str]]) -> Iterator[str]:
    if set(attributes["query"]) != {"language", "query"}:
        yield f"query is {attributes['query']}"
    if references:
        yield "has references"
    times = attributes.get("timefilter", {"from": "", "to": ""})
    if not {"from", "to"} <= set(times):
        yield f"timefilter is {times}"


def _view_faults(attributes: Mapping[str, Any], references: list[dict[str, str]]) -> Iterator[str]:
    if attributes["fields"] != "[]" or json.loads(attributes["runtimeFieldMap"]) != {}:
        yield "defines fields"
    for field, form in json.loads(attributes["fieldFormatMap"]).items():
        if form["id"] not in FORMATTERS:
            yield f"format {form['id']} of {field} is unknown"
    for field, attribute_values in json.loads(attributes["fieldAttrs"]).items():
        if not set(attribute_values) <= {"customLabel", "customDescription", "count"}:
            yield f"fieldAttrs of {field} has {sorted(attribute_values)}"


def _dashboard_faults(attributes: Mapping[str, Any], references: list[dict[str, str]]) -> Iterator[str]:
    if attributes["timeRestore"] != ({"timeFrom", "timeTo", "refreshInterval"} <= set(attributes)):
        yield "timeRestore does not match timeFrom, timeTo and refreshInterval"
    panels = json.loads(attributes["panelsJSON"])
    used: set[str] = set()
    taken: set[tuple[int, int]] = set()
    ids = [panel["panelIndex"] for panel in panels]
    if len(ids) != len(set(ids)):
        yield "two panels have the same id"
    by_name = {reference["name"]: reference for reference in references}
    for panel in panels:
        yield from (f"panel {panel['panelIndex']}: {fault}" for fault in _panel_faults(panel, by_name, used, taken))
    yield from _control_faults(attributes.get("controlGroupInput"), by_name, used)
    if unused := set(by_name) - used:
        yield f"references {sorted(unused)} are unused"


def _panel_faults(
    panel: Mapping[str, Any], references: Mapping[str, Mapping[str, str]], used: set[str], taken: set[tuple[int, int]]
) -> Iterator[str]:
    yield from _grid_faults(panel["gridData"], panel["panelIndex"], taken)
    yield from _content_faults(panel, references, used)
    index = panel["panelIndex"]
    for event in panel["embeddableConfig"].get("enhancements", {}).get("dynamicActions", {}).get("events", ()):
        name = f"{index}:drilldown:{event['action']['factoryId']}:{event['eventId']}:dashboardId"
        used.add(name)
        if references.get(name, {}).get("type") != "dashboard":
            yield f"drilldown {event['eventId']} has no dashboard"


def _grid_faults(grid: Mapping[str, Any], index: str, taken: set[tuple[int, int]]) -> Iterator[str]:
    if set(grid) != {"x", "y", "w", "h", "i"} or grid["i"] != index:
        yield f"gridData is {grid}"
    if not (all(isinstance(grid[key], int) for key in "xywh") and 0 <= grid["x"] <= grid["x"] + grid["w"] <= 48):
        yield "is outside the grid"
    cells = {(x, y) for x in range(grid["x"], grid["x"] + grid["w"]) for y in range(grid["y"], grid["y"] + grid["h"])}
    if cells & taken:
        yield "overlaps another panel"
    taken |= cells


def _content_faults(
    panel: Mapping[str, Any], references: Mapping[str, Mapping[str, str]], used: set[str]
) -> Iterator[str]:
    index, config = panel["panelIndex"], panel["embeddableConfig"]
    if panel["type"] == "lens":
        for inner in config["attributes"]["references"]:
            twin = f"{index}:{inner['name']}"
            used.add(twin)
            if references.get(twin) != {**inner, "name": twin}:
                yield f"reference {twin} of the dashboard is not {inner['id']}"
        yield from _lens_faults(config["attributes"])
    elif panel["type"] == "search":
        used.add(f"{index}:{panel['panelRefName']}")
        if references.get(f"{index}:{panel['panelRefName']}", {}).get("type") != "search":
            yield "its saved search is not a reference"
    elif panel["type"] == "links":
        yield from _links_faults(index, config["attributes"], references, used)
    elif panel["type"] == "visualization":
        if set(config["savedVis"]) != {"title", "description", "type", "params", "uiState", "data"}:
            yield f"savedVis has {sorted(config['savedVis'])}"
    else:
        yield f"type is {panel['type']}"


def _links_faults(
    index: str, attributes: Mapping[str, Any], references: Mapping[str, Mapping[str, str]], used: set[str]
) -> Iterator[str]:
    """Check a panel of links by value: 8.19 and 9.1 read `attributes`, later versions move them up on load."""
    if set(attributes) != {"title", "layout", "links"} or attributes["layout"] not in ("horizontal", "vertical"):
        yield f"the links have {sorted(attributes)}, layout {attributes.get('layout')!r}"
    if [link["order"] for link in attributes["links"]] != list(range(len(attributes["links"]))):
        yield "the links are out of order"
    for link in attributes["links"]:
        if set(link) != {"id", "type", "order", "label", "destinationRefName", "options"}:
            yield f"a link has {sorted(link)}"
        if set(link["options"]) != {"openInNewTab", "useCurrentDateRange", "useCurrentFilters"}:
            yield f"options of a link are {sorted(link['options'])}"
        if link["type"] != "dashboardLink" or link["destinationRefName"] != f"link_{link['id']}_dashboard":
            yield f"link {link['id']} of type {link['type']} refers to {link['destinationRefName']}"
        name = f"{index}:{link['destinationRefName']}"
        used.add(name)
        if references.get(name, {}).get("type") != "dashboard":
            yield f"link {link['id']} has no dashboard"


def _control_faults(
    group: Mapping[str, Any] | None, references: Mapping[str, Mapping[str, str]], used: set[str]
) -> Iterator[str]:
    if group is None:
        return
    if set(group) != CONTROL_GROUP:
        yield f"controlGroupInput has {sorted(group)}"
    for name, control in json.loads(group["panelsJSON"]).items():
        if set(control) != {"type", "order", "grow", "width", "explicitInput"}:
            yield f"control {name} has {sorted(control)}"
        if control["explicitInput"]["id"] != name or not control["explicitInput"]["fieldName"]:
            yield f"control {name} has the id {control['explicitInput']['id']} or no field"
        reference = f"controlGroup_{name}:optionsListDataView"
        used.add(reference)
        if references.get(reference, {}).get("type") != "index-pattern":
            yield f"control {name} has no data view"


def _lens_faults(chart: Mapping[str, Any]) -> Iterator[str]:
    if not {"title", "type", "visualizationType", "references", "state"} <= set(chart) or chart["type"] != "lens":
        yield f"the chart has {sorted(chart)}"
    state = chart["state"]
    if not {"datasourceStates", "visualization", "query", "filters"} <= set(state):
        yield f"the state has {sorted(state)}"
    layers = state["datasourceStates"]["formBased"]["layers"]
    names = {f"indexpattern-datasource-layer-{layer}" for layer in layers}
    if {reference["name"] for reference in chart["references"]} != names:
        yield "a layer has no data view"
    for layer in layers.values():
        yield from _layer_faults(layer)
    yield from _visualization_faults(chart["visualizationType"], state["visualization"], layers)


def _layer_faults(layer: Mapping[str, Any]) -> Iterator[str]:
    columns, order = layer["columns"], layer["columnOrder"]
    if sorted(order) != sorted(columns):
        yield f"columnOrder {order} differs from the columns {sorted(columns)}"
        return
    buckets = [columns[name]["isBucketed"] for name in order]
    if buckets != sorted(buckets, reverse=True):
        yield f"columnOrder {order} has a metric before a bucket"
    for name, column in columns.items():
        yield from (f"column {name}: {fault}" for fault in _column_faults(name, column, columns))


def _column_faults(name: str, column: Mapping[str, Any], columns: Mapping[str, Any]) -> Iterator[str]:
    operation = column["operationType"]
    if not {"label", "dataType", "isBucketed", "scale"} <= set(column) or column.get("customLabel") is not True:
        yield "lacks label, dataType, isBucketed, scale or customLabel"
    if not COLUMN_PARAMS[operation] <= set(column.get("params", {})):
        yield f"{operation} lacks one of {sorted(COLUMN_PARAMS[operation])}"
    if ("sourceField" in column) == (operation in NO_FIELD):
        yield f"{operation} with sourceField {column.get('sourceField')!r}"
    yield from _bucket_faults(operation, column, columns)
    yield from _formula_faults(name, column, columns)


def _bucket_faults(operation: str, column: Mapping[str, Any], columns: Mapping[str, Any]) -> Iterator[str]:
    if operation == "terms":
        order = column["params"]["orderBy"]
        if order["type"] == "column" and columns.get(order["columnId"], {"isBucketed": True})["isBucketed"]:
            yield f"is sorted by {order['columnId']}, which is not a metric of the layer"
    if operation == "filters":
        labels = [each["label"] for each in column["params"]["filters"]]
        if len(labels) != len(set(labels)) or not labels:
            yield f"its filters have missing or equal labels: {labels}"


def _formula_faults(name: str, column: Mapping[str, Any], columns: Mapping[str, Any]) -> Iterator[str]:
    operation = column["operationType"]
    for inner in column.get("references", ()):
        if not (inner in columns and inner.startswith(name.split("X")[0] + "X")):
            yield f"uses {inner}, which is not part of it"
    if operation == "math" and column["params"]["tinymathAst"]["args"] != column["references"]:
        yield "has arguments that are not its references"
    if operation == "formula" and not column.get("references"):
        yield "is empty"


def _visualization_faults(kind: str, body: Mapping[str, Any], layers: Mapping[str, Any]) -> Iterator[str]:
    if kind not in VISUALIZATIONS or not VISUALIZATIONS[kind] <= set(body):
        yield f"{kind} has {sorted(body)}"
        return
    parts = body["layers"] if kind in ("lnsXY", "lnsPie") else [body]
    for part in parts:
        columns = layers.get(part["layerId"], {"columns": {}})["columns"]
        named = _accessors(kind, part)
        if not named or not set(named) <= set(columns):
            yield f"names {named}, the layer has {sorted(columns)}"
        elif hidden := [name for name in named if "X" in name]:
            yield f"shows {hidden}, which is part of a formula"
        if part["layerType"] == "referenceLine":
            yield from _line_faults(part, columns)
            continue
        if part["layerType"] != "data":
            yield f"layerType is {part['layerType']}"
        if kind == "lnsXY" and part["seriesType"] not in SERIES:
            yield f"seriesType is {part['seriesType']}"
        if kind == "lnsPie" and not set(part) >= PIE_LAYER:
            yield f"the donut lacks {sorted(PIE_LAYER - set(part))}"
        if "colorMapping" in part:
            yield from _colour_faults(kind, part)


def _line_faults(part: Mapping[str, Any], columns: Mapping[str, Any]) -> Iterator[str]:
    if [each["forAccessor"] for each in part["yConfig"]] != part["accessors"]:
        yield f"the lines {part['accessors']} have no style"
    for name in part["accessors"]:
        column = columns.get(name, {})
        if column.get("operationType") != "static_value" or column.get("isStaticValue") is not True:
            yield f"the line {name} is not a constant"


def _accessors(kind: str, part: Mapping[str, Any]) -> list[str]:
    if kind == "lnsDatatable":
        return [column["columnId"] for column in part["columns"]]
    keys = ("metricAccessor", "xAccessor", "yAccessor", "valueAccessor", "splitAccessor")
    named = [part[key] for key in keys if key in part]
    return [*named, *part.get("accessors", ()), *part.get("primaryGroups", ()), *part.get("metrics", ())]


def _colour_faults(kind: str, part: Mapping[str, Any]) -> Iterator[str]:
    mapping = part["colorMapping"]
    if set(mapping) != {"assignments", "specialAssignments", "paletteId", "colorMode"}:
        yield f"colorMapping has {sorted(mapping)}"
    if kind == "lnsXY" and "splitAccessor" not in part:
        yield "has colours but no split"
    values = [value for each in mapping["assignments"] for value in each["rule"]["values"]]
    if len(values) != len(set(values)):
        yield "a value has two colours"
    for each in mapping["assignments"]:
        colour = each["color"]["colorCode"]
        if not (len(colour) == 7 and colour.startswith("#")):
            yield f"colour {colour} is not of the form #rrggbb"


_CHECKS = {
    "dashboard": _dashboard_faults,
    "search": _search_faults,
    "query": _query_faults,
    "index-pattern": _view_faults,
}


def unknown_fields(contract: ModelContract, declared: Boards) -> Iterator[str]:
    """Yield a message for each field of a panel, control or query that no mapping has."""
    for board in declared.dashboards:
        sources = {panel.source for panel in board.panels if not panel.source.heartbeats}
        for panel in board.panels:
            for name in panel.fields():
                if name not in known_fields(contract, panel.source):
                    yield (
                        f"panel {panel.id!r} of {board.id!r} reads {name!r}, which {panel.source.title!r} does not have"
                    )
        for control in board.controls:
            if any(control.field not in known_fields(contract, source) for source in sources):
                yield f"control {control.id!r} of {board.id!r} reads {control.field!r}, which no mapping has"
