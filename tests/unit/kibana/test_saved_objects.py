"""The file that Kibana imports: every rule of the checker, the same bytes each time, and a checker that finds
faults.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from contract.artifact.contract import ModelContract
from kibana.panels.boards import boards
from kibana.saved_objects.alert_items import alert_items
from kibana.saved_objects.compile import saved_objects
from kibana.saved_objects.objects import Names, ndjson
from tests.artifacts import TURBINE
from tests.kibana_check import faults
from tests.kibana_contracts import shipped_contract
from tests.task_documents import TASKS

SHIPPED = shipped_contract()


def built(contract: ModelContract = SHIPPED, names: Names | None = None) -> bytes:
    return ndjson(saved_objects(contract, names or Names()))


def lines(content: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in content.decode().splitlines()]


@pytest.mark.parametrize("names", [Names(), Names("lab_2.x"), Names("lab", "soc-team")], ids=str)
@pytest.mark.parametrize("contract", [SHIPPED, TURBINE, *TASKS.values()], ids=lambda contract: contract.name)
def test_the_file_keeps_every_rule(contract: ModelContract, names: Names) -> None:
    assert faults(built(contract, names)) == []


def test_building_twice_gives_the_same_bytes() -> None:
    assert built() == built()


def test_ids_are_readable_and_hold_namespace_and_space() -> None:
    ids = [each["id"] for each in lines(built())]
    assert "oversight-default-dashboard-triage" in ids
    assert len(ids) == 4 + 4 + 2 + 3
    assert all(name.startswith("oversight-lab-") for name in (each["id"] for each in lines(built(names=Names("lab")))))
    other = [each["id"] for each in lines(built(names=Names("lab", "soc")))]
    assert "oversight-lab-in-soc-dashboard-triage" in other


@pytest.mark.parametrize("contract", [SHIPPED, TURBINE, *TASKS.values()], ids=lambda contract: contract.name)
def test_with_the_address_of_a_console_each_listed_event_links_to_it(contract: ModelContract) -> None:
    content = ndjson(saved_objects(contract, Names(), console_url="https://soc.example:443/oversight"))
    assert faults(content) == []
    objects = lines(content)
    views = {
        each["id"]: json.loads(each["attributes"]["fieldFormatMap"]) for each in objects if "index" in each["type"]
    }
    assert views["oversight-default-data-view-events"]["_id"]["id"] == "url"
    template = views["oversight-default-data-view-predictions"]["_id"]["params"]["urlTemplate"]
    assert template == "https://soc.example:443/oversight/?event=/{{value}}"
    assert "_id" not in views["oversight-default-data-view-watchers"]
    for search in (each for each in objects if each["type"] == "search"):
        watchers = search["references"][0]["id"].endswith("watchers")
        assert ("_id" in search["attributes"]["columns"]) != watchers, search["id"]


def test_without_the_address_of_a_console_no_event_links_to_one() -> None:
    assert b'"_id' not in built()
    assert b"event=" not in built()


def test_installations_are_told_apart_by_their_titles() -> None:
    titles = {each["id"]: each["attributes"]["title"] for each in lines(built(names=Names("lab")))}
    assert titles["oversight-lab-dashboard-oversight"] == "Oversight Dashboard (lab)"
    assert titles["oversight-lab-search-threats-details-per-user"] == "Threats details per User (lab)"
    assert titles["oversight-lab-data-view-events"] == "logs-oversight.connection-lab"
    assert titles["oversight-lab-data-view-watchers"] == "oversight-watchers-lab"


def test_a_dataset_other_than_connection_has_objects_of_its_own() -> None:
    """A namespace with the name of a dataset has other ids, and two datasets of one namespace too."""
    titles = {each["id"]: each["attributes"]["title"] for each in lines(built(names=Names("default", dataset="river")))}
    assert titles["oversight-river-default-dashboard-oversight"] == "Oversight Dashboard (river)"
    assert titles["oversight-river-default-data-view-events"] == "logs-oversight.river-default"
    assert titles["oversight-river-default-data-view-watchers"] == "oversight-watchers-default"
    for other in (Names(), Names("river"), Names("lab", dataset="river")):
        assert not set(titles) & {each["id"] for each in lines(built(names=other))}
    assert Names("lab", "soc", "river").id("dashboard", "triage") == "oversight-river-lab-in-soc-dashboard-triage"
    assert Names("lab", dataset="river").title("Oversight") == "Oversight (river, lab)"


def test_a_rule_of_a_dataset_searches_its_stream_and_says_so() -> None:
    rules = [each for each in alert_items(SHIPPED, Names("lab", dataset="river")) if each.kind == "rule"]
    assert {each.body["params"]["index"][0] for each in rules} <= {"logs-oversight.river-lab", "oversight-watchers-lab"}
    assert all(each.body["tags"] == ["oversight", "lab", "river"] for each in rules)
    assert not {each.key for each in rules} & {each.key for each in alert_items(SHIPPED, Names("lab"))}


def dashboard(name: str, contract: ModelContract = SHIPPED) -> dict[str, Any]:
    (found,) = (each for each in lines(built(contract)) if each["id"] == f"oversight-default-dashboard-{name}")
    return found


def panels(name: str, contract: ModelContract = SHIPPED) -> dict[str, dict[str, Any]]:
    return {panel["panelIndex"]: panel for panel in json.loads(dashboard(name, contract)["attributes"]["panelsJSON"])}


def test_every_panel_of_the_declaration_is_there_in_its_order() -> None:
    for board in boards(SHIPPED).dashboards:
        assert list(panels(board.id)) == ["links", "header", *(panel.id for panel in board.panels)]


def test_the_header_says_what_one_sees() -> None:
    text = panels("triage")["header"]["embeddableConfig"]["savedVis"]["params"]["markdown"]
    assert text.startswith("**What you see:**")


@pytest.mark.parametrize("name", ["oversight", "triage", "operations"])
def test_links_lead_to_all_dashboards_and_keep_time_and_filters(name: str) -> None:
    """A link in Markdown would drop both."""
    links = panels(name)["links"]["embeddableConfig"]["attributes"]["links"]
    assert [link["label"] for link in links] == ["Oversight Dashboard", "Triage", "Operations"]
    assert all(link["options"]["useCurrentDateRange"] and link["options"]["useCurrentFilters"] for link in links)
    targets = {each["name"]: each["id"] for each in dashboard(name)["references"]}
    assert [targets[f"links:{link['destinationRefName']}"] for link in links] == [
        f"oversight-default-dashboard-{board}" for board in ("oversight", "triage", "operations")
    ]


def test_each_column_of_a_saved_search_has_its_title() -> None:
    """Without a label Kibana shows the field's name, cut off at the width of the column."""
    for contract in (SHIPPED, *TASKS.values()):
        views = {each["id"]: each for each in lines(built(contract)) if each["type"] == "index-pattern"}
        for search in boards(contract).searches:
            view = views[f"oversight-default-data-view-{search.source.name}"]
            labels = json.loads(view["attributes"]["fieldAttrs"])
            assert {column.field: labels[column.field]["customLabel"] for column in search.columns} == {
                column.field: column.title for column in search.columns
            }
            assert labels[search.source.time_field]["customLabel"] == search.source.time_title


def test_the_word_of_a_metric_stands_once() -> None:
    """Lens shows the column's label as title; the title above the panel would repeat it, and a subtitle could too."""
    for board in boards(SHIPPED).dashboards:
        for panel in board.panels:
            if panel.chart != "metric":
                continue
            config = panels(board.id)[panel.id]["embeddableConfig"]
            state = config["attributes"]["state"]
            assert config["hidePanelTitles"] is True
            assert state["datasourceStates"]["formBased"]["layers"]["layer"]["columns"]["m0"]["label"] == panel.title
            assert state["visualization"].get("subtitle", "-").casefold() not in panel.title.casefold()
    assert lens("triage", "alerts-without-verdict")["state"]["visualization"]["subtitle"] == "Alerts"
    assert "subtitle" not in lens("triage", "alerts")["state"]["visualization"]


def test_labels_that_raise_false_alarms_are_sorted_by_their_rate() -> None:
    shown = lens("triage", "false-positive-rate")["state"]["visualization"]
    assert shown["sorting"] == {"columnId": "m2", "direction": "desc"}


def lens(name: str, panel: str, contract: ModelContract = SHIPPED) -> dict[str, Any]:
    chart: dict[str, Any] = panels(name, contract)[panel]["embeddableConfig"]["attributes"]
    return chart


def colours(part: dict[str, Any]) -> dict[str, str]:
    return {each["rule"]["values"][0]: each["color"]["colorCode"] for each in part["colorMapping"]["assignments"]}


def test_labels_have_the_same_colours_in_every_chart() -> None:
    shown = boards(SHIPPED).colours
    for panel in ("threats-bar", "threats-timestamps", "threats-per-user"):
        assert colours(lens("oversight", panel)["state"]["visualization"]["layers"][0]) == shown["label"]
    assert colours(lens("oversight", "threats-pie")["state"]["visualization"]["layers"][0]) == shown["family"]


def test_a_ratio_is_a_formula_with_all_that_is_inside_of_it() -> None:
    """Kibana does not read the formula again when it loads a chart."""
    columns = lens("triage", "false-positive-rate")["state"]["datasourceStates"]["formBased"]["layers"]["layer"][
        "columns"
    ]
    assert columns["m2"]["params"]["formula"] == "count(kql='oversight.feedback.verdict: \"false_positive\"') / count()"
    assert columns["m2"]["references"] == ["m2X2"]
    assert columns["m2X0"]["filter"]["query"] == 'oversight.feedback.verdict: "false_positive"'
    assert columns["m2X2"]["params"]["tinymathAst"]["args"] == ["m2X0", "m2X1"]


def test_the_training_share_stands_beside_each_label() -> None:
    layer = lens("operations", "predictions-by-label")["state"]["datasourceStates"]["formBased"]["layers"]["layer"]
    labels = [each["label"] for each in layer["columns"]["b0"]["params"]["filters"]]
    assert labels[:3] == ["smurf (training 56.84%)", "neptune (training 21.70%)", "normal (training 19.69%)"]
    assert layer["columns"]["m1"]["params"]["formula"] == "count() / overall_sum(count())"


def test_the_users_over_time_are_the_same_in_each_bucket_of_time() -> None:
    """Kibana nests the columns in their order; with time outside, each bucket would have its own commonest users."""
    for board, panel in (("triage", "users-over-time"), ("oversight", "threats-timestamps")):
        layer = lens(board, panel)["state"]["datasourceStates"]["formBased"]["layers"]["layer"]
        kinds = [layer["columns"][name]["operationType"] for name in layer["columnOrder"]]
        assert kinds == ["terms", "date_histogram", "count"]


def test_a_model_with_other_labels_makes_its_own_panels() -> None:
    assert set(colours(lens("oversight", "threats-bar", TURBINE)["state"]["visualization"]["layers"][0])) == {
        "bearing_wear",
        "healthy",
        "overheating",
        "unknown",
    }
    assert b"smurf" not in built(TURBINE)


def test_the_newest_alerts_are_a_saved_search_whose_rows_open() -> None:
    panel = panels("triage")["newest-alerts"]
    assert panel["type"] == "search"
    (search,) = (each for each in lines(built()) if each["id"] == "oversight-default-search-newest-alerts")
    assert search["attributes"]["sort"] == [["oversight.prediction.at", "desc"]]


def test_techniques_are_links_and_probabilities_percentages() -> None:
    (view,) = (each for each in lines(built()) if each["id"] == "oversight-default-data-view-events")
    formats = json.loads(view["attributes"]["fieldFormatMap"])
    assert formats["threat.technique.reference"]["params"]["urlTemplate"] == "{{rawValue}}"
    assert formats["oversight.prediction.probability"]["id"] == "percent"
    assert (
        "seconds from arrival"
        in json.loads(view["attributes"]["fieldAttrs"])["oversight.prediction.delay_s"]["customDescription"]
    )


def test_a_click_on_a_user_leads_to_triage_with_that_user_alone() -> None:
    """Kibana makes a filter of every breakdown of a mark: a click on *unknown* would leave no alert in Triage."""
    found = dashboard("oversight")
    names = [each["name"] for each in found["references"] if each["id"] == "oversight-default-dashboard-triage"]
    assert names == [
        "links:link_triage_dashboard",
        "user-to-triage:drilldown:DASHBOARD_TO_DASHBOARD_DRILLDOWN:user-to-triage-drill-down:dashboardId",
    ]
    columns = lens("oversight", "user-to-triage")["state"]["visualization"]["columns"]
    assert [column["columnId"] for column in columns if column.get("oneClickFilter")] == ["b0"]


Change = Callable[[list[dict[str, Any]]], None]


def of_dashboard(change: Callable[[dict[str, Any]], None]) -> Change:
    """The change, made to the panel `threats-bar` of the first dashboard."""

    def changed(objects: list[dict[str, Any]]) -> None:
        board = next(each for each in objects if each["type"] == "dashboard")
        every = json.loads(board["attributes"]["panelsJSON"])
        change(next(panel for panel in every if panel["panelIndex"] == "threats-bar"))
        board["attributes"]["panelsJSON"] = json.dumps(every)

    return changed


def layer_of(panel: dict[str, Any]) -> dict[str, Any]:
    layer: dict[str, Any] = panel["embeddableConfig"]["attributes"]["state"]["datasourceStates"]["formBased"]["layers"][
        "layer"
    ]
    return layer


def visualization_of(panel: dict[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = panel["embeddableConfig"]["attributes"]["state"]["visualization"]["layers"][0]
    return body


BROKEN: dict[str, tuple[Change, str]] = {
    "too new": (lambda all_: all_[0].update(typeMigrationVersion="10.1.0"), "newer than the oldest server's"),
    "twice": (lambda all_: all_.append(all_[0]), "is twice in the file"),
    "dangling": (lambda all_: all_[4]["references"][0].update(id="gone"), "not in the file"),
    "more attributes": (lambda all_: all_[4]["attributes"].update(tabs=[]), "does not allow"),
    "decoded": (lambda all_: all_[0]["attributes"].update(fieldFormatMap={}), "is not a string"),
    "server's own": (lambda all_: all_[0].update(updated_at="2026"), "only the server writes"),
    "column order": (of_dashboard(lambda panel: layer_of(panel)["columnOrder"].reverse()), "a metric before a bucket"),
    "column missing": (of_dashboard(lambda panel: layer_of(panel)["columnOrder"].pop()), "differs from the columns"),
    "sorted by nothing": (
        of_dashboard(lambda panel: layer_of(panel)["columns"]["b0"]["params"]["orderBy"].update(columnId="m9")),
        "not a metric of the layer",
    ),
    "accessor": (of_dashboard(lambda panel: visualization_of(panel).update(xAccessor="b9")), "names ["),
    "label": (of_dashboard(lambda panel: layer_of(panel)["columns"]["m0"].pop("customLabel")), "customLabel"),
    "grid": (of_dashboard(lambda panel: panel["gridData"].update(x=40)), "is outside the grid"),
    "overlap": (of_dashboard(lambda panel: panel["gridData"].update(y=0)), "overlaps another panel"),
    "index": (of_dashboard(lambda panel: panel.update(panelIndex="p")), "gridData is"),
    "twin": (
        of_dashboard(lambda panel: panel["embeddableConfig"]["attributes"]["references"][0].update(id="x")),
        "of the dashboard",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_the_checker_sees_what_kibana_would_refuse(name: str) -> None:
    """Otherwise a clean result of the checker would prove nothing."""
    change, said = BROKEN[name]
    objects = copy.deepcopy(lines(built()))
    change(objects)
    content = "".join(json.dumps(each) + "\n" for each in objects).encode()
    assert any(said in fault for fault in faults(content)), faults(content)


def test_bounds_are_lines_of_their_own_layer() -> None:
    """With a data view of its own, without which Kibana drops the layer."""
    chart = lens("oversight", "value-over-time", TASKS["regression"])
    layers = chart["state"]["datasourceStates"]["formBased"]["layers"]
    values = [column["params"]["value"] for column in layers["lines"]["columns"].values()]
    assert values == ["5.0", "900.0"]
    assert chart["state"]["visualization"]["layers"][1]["layerType"] == "referenceLine"
    assert len(chart["references"]) == 2


def test_features_that_deviate_are_asked_for_in_lucene() -> None:
    """KQL cannot ask for a beginning that has a blank in it."""
    layer = lens("oversight", "deviating-features", TASKS["anomaly"])["state"]["datasourceStates"]["formBased"][
        "layers"
    ]["layer"]
    inputs = [each["input"] for each in layer["columns"]["b0"]["params"]["filters"]]
    assert inputs[2] == {"language": "lucene", "query": r"oversight.prediction.reasons:memory\ \(used\)\ is\ *"}


def test_top_anomalies_are_sorted_by_their_score() -> None:
    """The worst first, on either side of the threshold."""
    for name, order in (("anomaly", "desc"), ("anomaly below", "asc")):
        (search,) = (each for each in lines(built(TASKS[name])) if each["id"].endswith("search-top-anomalies"))
        assert search["attributes"]["sort"] == [["oversight.prediction.score", order]]


def test_fields_are_described_for_the_task() -> None:
    """Neither fields of other tasks nor words of networks."""
    (view,) = (each for each in lines(built(TASKS["regression"])) if each["id"].endswith("data-view-events"))
    meanings = {name: each["customDescription"] for name, each in json.loads(view["attributes"]["fieldAttrs"]).items()}
    assert meanings["oversight.prediction.value"] == "what the model predicts, in kWh"
    assert meanings["event.category"] == "host"
    assert meanings["event.dataset"] == "oversight.power"
    assert not {"oversight.prediction.score", "oversight.prediction.labels"} & set(meanings)
    assert json.loads(view["attributes"]["fieldFormatMap"])["oversight.prediction.value"]["id"] == "number"
