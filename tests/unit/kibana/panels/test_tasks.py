"""What the dashboards and rules of each task show, and in which words."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from contract.artifact.contract import EventWords, Feature, ModelContract
from enrich_service.predict.sentences import number_words, word_words
from kibana.panels.boards import boards
from kibana.panels.conditions import Begins
from kibana.panels.declarations import Panel, Terms
from kibana.panels.model_view import View
from kibana.saved_objects.alert_items import alert_items
from kibana.saved_objects.alert_rules import alert_rules
from kibana.saved_objects.compile import saved_objects
from kibana.saved_objects.objects import Names, ndjson
from tests.kibana_contracts import shipped_contract
from tests.task_documents import METRICS, POWER, TASKS, TUMOUR

OF_NETWORKS = re.compile(r"attack|traffic|connection|network|threat", re.IGNORECASE)


def panels(contract: ModelContract) -> dict[str, Panel]:
    return {panel.id: panel for board in boards(contract).dashboards for panel in board.panels}


def texts(contract: ModelContract) -> Iterator[str]:
    declared = boards(contract)
    for board in declared.dashboards:
        yield from (board.title, board.description, board.intro, *(control.title for control in board.controls))
        for panel in board.panels:
            yield from (panel.title, panel.question, panel.may_be_empty or "")
            yield from (metric.title for metric in panel.metrics)
            yield from (each.title for each in panel.by)
    yield from (text for search in declared.searches for text in (search.title, search.description))
    yield from (text for saved in declared.queries for text in (saved.title, saved.description))
    for rule in alert_rules(contract):
        yield from (rule.name, rule.what)


@pytest.mark.parametrize("name", TASKS)
def test_outside_of_networks_no_text_speaks_of_attacks(name: str) -> None:
    """A tumour is no network connection."""
    assert [text for text in texts(TASKS[name]) if OF_NETWORKS.search(text)] == []
    assert [text for text in texts(shipped_contract()) if OF_NETWORKS.search(text)] != []


@pytest.mark.parametrize("contract", [METRICS, POWER], ids=lambda contract: contract.name)
def test_a_number_in_a_network_is_no_attack(contract: ModelContract) -> None:
    """A flow with an unusual score or value alerts; the model does not say that it is an attack."""
    of_flows = replace(contract, event=EventWords())
    assert View(of_flows).is_about_network
    assert [text for text in texts(of_flows) if re.search("attack|threat", text, re.IGNORECASE)] == []
    assert panels(of_flows)["top-hosts"].by[0].title == "Host"


def test_only_a_model_of_connections_shows_machines() -> None:
    """Who attacks whom: in every list of events, and in panels of their own that say why they may be empty."""
    found = {search.id: [column.field for column in search.columns] for search in boards(shipped_contract()).searches}
    for name in ("newest-alerts", "threats-details-per-user"):
        assert {"source.ip", "destination.ip"} <= set(found[name])
    shown = panels(shipped_contract())
    for name, field in (
        ("threats-by-source", "source.ip"),
        ("threats-by-destination", "destination.ip"),
        ("top-sources", "source.ip"),
        ("top-hosts", "destination.ip"),
    ):
        assert next(shown[name].fields()) == "@timestamp"
        first = shown[name].by[0]
        assert isinstance(first, Terms)
        assert first.field == field
        assert field in (shown[name].may_be_empty or "")
    assert not {"threats-by-source", "threats-by-destination", "top-sources"} & set(panels(TUMOUR))
    assert not [
        column for search in boards(TUMOUR).searches for column in search.columns if column.field == "source.ip"
    ]


def test_a_network_classifier_of_format_2_keeps_its_words() -> None:
    """Titles, questions and rules are those of the shipped model."""
    shipped = shipped_contract()
    proved = replace(shipped, proof="labels", proved={"rows": 10})
    assert proved.to_dict()["format"] == 2
    assert ndjson(saved_objects(proved, Names())) == ndjson(saved_objects(shipped, Names()))


def test_a_value_is_shown_over_time_with_its_bounds_and_distribution() -> None:
    shown = panels(POWER)
    over_time = shown["value-over-time"]
    assert over_time.title == "Value (kWh) over time"
    assert [metric.kind for metric in over_time.metrics] == ["average", "min", "max"]
    assert [(line.title, line.value) for line in over_time.lines] == [("lower bound", 5.0), ("upper bound", 900.0)]
    assert shown["threats"].title == "Values out of bounds"
    assert {"value-distribution", "value-by-host"} <= set(shown)
    assert not {"threats-bar", "threats-pie", "alerts-by-risk", "top-anomalies"} & set(shown)
    columns = [column.title for column in boards(POWER).searches[0].columns]
    assert "Value (kWh)" in columns
    assert "Probability" not in columns


def test_a_regression_without_bounds_has_no_panels_of_alerts_and_no_rules_of_them() -> None:
    """A panel that is always empty is worse than no panel."""
    free = TASKS["regression without bounds"]
    first = [panel.id for panel in boards(free).dashboards[0].panels]
    assert "threats" not in first
    assert {"value-average", "value-min", "value-max", "newest-values"} <= set(first)
    assert [rule.id for rule in alert_rules(free)] == ["watcher-behind", "parse-failures-rising"]


def test_a_score_is_shown_with_its_threshold_the_top_anomalies_and_what_deviates() -> None:
    shown = panels(METRICS)
    assert [(line.title, line.value) for line in shown["score-over-time"].lines] == [("threshold", 0.08)]
    search = shown["top-anomalies"].search
    assert search is not None
    assert search.order == ("oversight.prediction.score", "desc")
    assert "score-distribution" in shown
    deviating = View(METRICS).deviating
    assert deviating is not None
    assert [case.title for case in deviating.cases] == ["cpu", "cpu_load", "memory (used)"]


def test_a_model_of_very_many_features_lists_reasons_as_they_are() -> None:
    many = replace(METRICS, features=tuple(Feature(f"f{number}", f"m.f{number}", "float") for number in range(1_000)))
    assert View(many).deviating is None
    assert panels(many)["deviating-features"].chart == "bar"


def test_the_sentences_of_reasons_begin_as_the_panels_count_them() -> None:
    """The panels find a feature by the beginning of a sentence that the enrich service writes."""
    number, word = Feature("cpu", "m.cpu", "float"), Feature("mode", "m.mode", "string", ("on", "off"))
    deviating = View(replace(METRICS, features=(number, word))).deviating
    assert deviating is not None
    begins = [case.where.text for case in deviating.cases if isinstance(case.where, Begins)]
    sentences = [number_words(number, "rows")(5.0), word_words(word, "rows")("on")]
    assert number_words(number, "rows")(float("nan")).startswith(begins[0])
    assert [sentence.startswith(start) for sentence, start in zip(sentences, begins, strict=True)] == [True, True]


def test_several_labels_have_panels_a_filter_and_a_column() -> None:
    several = TASKS["several labels"]
    assert {"labels-that-hold", "labels-together"} <= set(panels(several))
    assert not {"labels-that-hold", "labels-together"} & set(panels(TUMOUR))
    assert "labels" in [control.id for control in boards(several).dashboards[0].controls]
    assert all(
        "All labels" in [column.title for column in search.columns]
        for search in boards(several).searches
        if search.id in ("threats-details-per-user", "newest-alerts")
    )


def test_documents_of_machines_are_broken_down_by_machine() -> None:
    """`event.category: host` in the contract; otherwise by user, as what `oversight ship` sends."""
    assert View(POWER).who.field == "host.name"
    assert View(TUMOUR).who.field == "user.id"
    by_machine = [(rule.id, rule.by) for rule in alert_rules(POWER) if rule.by]
    assert by_machine == [("severe-attack", "host.name"), ("many-alerts-of-a-machine", "host.name")]
    (body,) = (item.body for item in alert_items(POWER, Names()) if item.title.endswith("Many alerts of one machine"))
    assert json.dumps({"name": "{{alert.id}}"}) in json.dumps(body["actions"])


@pytest.mark.parametrize(("task", "severity"), [("classification", 73), ("regression", 50), ("anomaly", 50)])
def test_a_single_alert_fires_a_rule_in_every_task(task: str, severity: int) -> None:
    """A label of medium severity is the worst that a model of numbers has."""
    rule = next(rule for rule in alert_rules(TASKS[task]) if rule.id == "severe-attack")
    assert {"range": {"event.severity": {"gte": severity}}} in rule.query["bool"]["filter"]
    assert View(shipped_contract()).severe == 73


def test_decimals_follow_the_bounds() -> None:
    def decimals(threshold: float) -> int:
        assert METRICS.score is not None
        measure = View(replace(METRICS, score=replace(METRICS.score, threshold=threshold))).measure
        assert measure is not None
        return measure.decimals

    assert [decimals(threshold) for threshold in (0.0, 0.00002, 0.08, 1.0, 12.5, -900.0, 1e6)] == [4, 6, 5, 3, 2, 1, 0]
