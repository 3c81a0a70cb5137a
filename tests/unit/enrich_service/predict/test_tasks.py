"""Every task from documents to partial documents: verdicts, numbers, reasons, warnings."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from contract.artifact.contract import ModelContract, ScoreOutput, ValueOutput
from enrich_service.model.artifact import load
from enrich_service.predict.enrich import Enricher
from enrich_service.predict.serving import Serving
from tests.enriching import enriched
from tests.tasks import (
    ALL,
    BOTH,
    BURSTING,
    EXAMPLES,
    MIXED,
    MIXED_QUIET,
    NOISY,
    ONE_SIGMOID,
    QUIET,
    RECONSTRUCTION,
    REGRESSION,
    SCORE_BELOW,
    write_task,
)

Enrich = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Enrich:
    """The service's results with one of the models, optionally with a changed contract."""

    def answer(name: str, *sources: dict[str, Any], contract: ModelContract | None = None) -> list[dict[str, Any]]:
        enricher = Enricher(load(write_task(tmp_path_factory.mktemp("task"), name, contract)))
        return [result.get("fields", result) for result in enriched(enricher, *sources)]

    return answer


def predictions(answered: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [fields["oversight"]["prediction"] for fields in answered]


def changed(**values: Any) -> dict[str, Any]:
    """A harmless document of the mixed model with these values; None leaves one out."""
    pump = {**MIXED_QUIET["pump"], **values}
    return {**MIXED_QUIET, "pump": {name: value for name, value in pump.items() if value is not None}}


def test_the_label_of_one_sigmoid_holds_at_or_above_its_threshold(answers: Enrich) -> None:
    """0.38 with a threshold of 0.3: the label is burst, and its probability is 0.38, not 0.62."""
    quiet, near = predictions(answers("one sigmoid", QUIET, {"pump": {"pressure": 7.5, "noise": 30}}))
    assert (quiet["label"], near["label"], near["closest"]) == ("normal", "burst", "burst")
    assert near["probability"] == pytest.approx(1 / (1 + math.exp(0.5)), abs=1e-6)
    assert near["top"] == ["normal 0.622", "burst 0.378"]
    assert near["reasons"] == ["pressure is 7.5; 95 % of harmless rows have at most 6"]
    assert "labels" not in near


def test_without_a_threshold_the_likelier_of_two_labels_holds(answers: Enrich) -> None:
    contract = replace(ONE_SIGMOID, labels=(ONE_SIGMOID.labels[0], replace(ONE_SIGMOID.labels[1], threshold=None)))
    (near,) = predictions(answers("one sigmoid", {"pump": {"pressure": 7.5, "noise": 30}}, contract=contract))
    assert (near["label"], near["probability"]) == ("normal", pytest.approx(0.622459, abs=1e-6))


def test_an_alert_has_the_words_of_the_contract(answers: Enrich) -> None:
    quiet, burst = answers("one sigmoid", QUIET, BURSTING)
    assert (quiet["event"]["category"], quiet["event"]["type"]) == (["host"], ["info"])
    assert burst["event"]["kind"] == "alert"
    assert burst["event"]["category"] == ["host", "intrusion_detection"]
    assert burst["event"]["type"] == ["info", "error"]
    assert burst["rule"] == {"name": "burst", "category": "failure", "ruleset": "oversight"}


def test_several_labels_hold_at_once(answers: Enrich) -> None:
    """The verdict is the label furthest above its threshold; the last label holds if no other does."""
    quiet, burst, noisy, both = predictions(answers("several labels", QUIET, BURSTING, NOISY, BOTH))
    assert [found["labels"] for found in (quiet, burst, noisy, both)] == [
        ["normal"],
        ["burst"],
        ["loud"],
        ["burst", "loud"],
    ]
    assert [found["label"] for found in (quiet, burst, noisy, both)] == ["normal", "burst", "loud", "burst"]
    assert quiet["probability"] > 0.9
    assert both["reasons"] == ["pressure is 12; 95 % of harmless rows have at most 6"]
    assert noisy["reasons"] == ["noise is 95 (usually 30)"]


def test_a_regression_alerts_outside_its_bounds(answers: Enrich) -> None:
    quiet, burst = answers("regression", QUIET, BURSTING)
    (low,) = answers("regression", {"pump": {"pressure": -1.0, "noise": 30}})
    of = [fields["oversight"]["prediction"] for fields in (quiet, burst, low)]
    assert [found["value"] for found in of] == [8.3, 24.3, -1.7]
    assert [found["label"] for found in of] == ["within_bounds", "out_of_bounds", "out_of_bounds"]
    assert [fields["event"]["kind"] for fields in (quiet, burst, low)] == ["event", "alert", "alert"]
    assert [fields["event"]["risk_score"] for fields in (quiet, burst, low)] == [0.0, 50.0, 50.0]
    assert of[1]["reasons"] == ["pressure is 12; 95 % of harmless rows have at most 6"]
    assert of[2]["reasons"] == ["pressure is -1; 95 % of harmless rows have at least 2"]
    assert not {"probability", "top", "score", "novelty", "labels"} & set(of[1])


@pytest.mark.parametrize(
    ("value", "label"),
    [(None, "within_bounds"), (ValueOutput("litres"), "within_bounds"), (ValueOutput(high=24.0), "out_of_bounds")],
)
def test_a_missing_bound_never_alerts(answers: Enrich, value: Any, label: str) -> None:
    (burst,) = predictions(answers("regression", BURSTING, contract=replace(REGRESSION, value=value)))
    assert (burst["value"], burst["label"]) == (24.3, label)


def test_an_anomaly_is_explained_by_the_largest_deviations(answers: Enrich) -> None:
    """In the units of the comparison: 65 of noise are 3.25, 2 of pressure are 1."""
    quiet, noisy = predictions(answers("reconstruction", QUIET, {"pump": {"pressure": 6.0, "noise": 95.0}}))
    assert (quiet["score"], quiet["label"], quiet["closest"]) == (0.0, "normal", "normal")
    assert (noisy["score"], noisy["label"]) == (2.125, "anomaly")
    assert [reason.split()[0] for reason in noisy["reasons"]] == ["noise", "pressure"]
    assert "reasons" not in quiet
    assert "value" not in noisy


def test_a_small_deviation_is_no_reason_beside_a_large_one(answers: Enrich) -> None:
    """0.1 beside 3.25: an analyst would look at the wrong number."""
    (noisy,) = predictions(answers("reconstruction", {"pump": {"pressure": 4.2, "noise": 95.0}}))
    assert [reason.split()[0] for reason in noisy["reasons"]] == ["noise"]


def test_a_score_may_alert_below_its_threshold(answers: Enrich) -> None:
    """Without deviations the reasons are the features that bring the score back."""
    quiet, burst = predictions(answers("score below", QUIET, {"pump": {"pressure": 12.0, "noise": 99.0}}))
    assert (quiet["score"], quiet["label"]) == (1.0, "normal")
    assert (burst["score"], burst["label"]) == (-7.0, "anomaly")
    assert [reason.split()[0] for reason in burst["reasons"]] == ["pressure"]
    above = replace(SCORE_BELOW, score=ScoreOutput(threshold=-1.0))
    assert [found["label"] for found in predictions(answers("score below", QUIET, BURSTING, contract=above))] == [
        "anomaly",
        "normal",
    ]


def test_a_row_on_the_threshold_does_not_alert(answers: Enrich) -> None:
    """The contract says above, below, or outside the bounds."""
    (on,) = predictions(answers("score below", {"pump": {"pressure": 6.0, "noise": 30}}))
    assert (on["score"], on["label"]) == (-1.0, "normal")
    exact = replace(RECONSTRUCTION, score=ScoreOutput(threshold=0.5, measure="mae"))
    (on,) = predictions(answers("reconstruction", {"pump": {"pressure": 6.0, "noise": 30}}, contract=exact))
    assert (on["score"], on["label"]) == (0.5, "normal")


def test_a_harmless_document_with_dates_booleans_and_numbers_as_words(answers: Enrich) -> None:
    (quiet,) = predictions(answers("mixed", MIXED_QUIET))
    assert quiet["label"] == "normal"
    assert "warnings" not in quiet


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (changed(pressure=None), "pressure is missing (usually 4)"),
        (changed(pressure=""), "pressure is missing (usually 4)"),
        (changed(open=True), "open is true (usually false)"),
        (changed(open="TRUE"), "open is true (usually false)"),
        (changed(port=22), "port is 22 (usually 443)"),
        (changed(port="22"), "port is 22 (usually 443)"),
        (changed(at="2026-03-02T01:30:00+01:00"), "at_hour is 0 (usually 12)"),
        (changed(at="2026-03-08T12:30:00Z"), "at_weekday is 6 (usually 2)"),
        (changed(at=1_772_411_400_000), "at_hour is 0 (usually 12)"),
    ],
)
def test_every_kind_of_value_reaches_the_graph(answers: Enrich, source: dict[str, Any], reason: str) -> None:
    """Each of these values alone raises the alert, and is its first reason."""
    (found,) = predictions(answers("mixed", source))
    assert found["label"] == "burst"
    assert found["reasons"][0] == reason


def test_missing_values_follow_the_contract(answers: Enrich) -> None:
    """A missing word is not unseen, and a missing number with a replacement changes nothing."""
    (gaps,) = answers("mixed", changed(noise=None, mode=None))
    (quiet,) = answers("mixed", MIXED_QUIET)
    assert gaps == quiet
    (unseen,) = predictions(answers("mixed", changed(mode="rusty", port=80)))
    assert unseen["warnings"] == ["unseen_category:pump.mode", "unseen_category:pump.port"]


@pytest.mark.parametrize(
    ("source", "code", "field"),
    [
        (changed(open=None), "missing_feature", "pump.open"),
        (changed(open="ajar"), "not_a_boolean", "pump.open"),
        (changed(at="noon"), "not_a_date", "pump.at"),
        (changed(port=None), "missing_feature", "pump.port"),
        (changed(port=1.5), "not_a_word", "pump.port"),
        (changed(pressure="deep"), "not_a_number", "pump.pressure"),
        (changed(noise={"db": 3}), "not_a_number", "pump.noise"),
        ({"pump": MIXED_QUIET["pump"]}, "missing_feature", "@timestamp"),
    ],
)
def test_a_wrong_value_fails_one_document(answers: Enrich, source: dict[str, Any], code: str, field: str) -> None:
    """Also of a feature that may be missing."""
    wrong, right = answers("mixed", source, MIXED_QUIET)
    assert (wrong["error"]["type"], wrong["error"]["field"]) == (code, field)
    assert right["oversight"]["prediction"]["label"] == "normal"


@pytest.mark.parametrize("name", ALL)
def test_a_repeated_alert_gets_the_same_answer_from_the_cache(tmp_path: Path, name: str) -> None:
    """A repeated quiet document is computed again."""
    quiet = EXAMPLES[name]
    changes = {"port": 22} if name == "mixed" else BOTH["pump"]
    alert = {**quiet, "pump": {**quiet["pump"], **changes}}
    cached: list[int] = []
    enricher = Enricher(load(write_task(tmp_path, name)), on_enriched=lambda _known, n: cached.append(n))
    for document in (quiet, alert):
        first, second = (enriched(enricher, document) for _ in range(2))
        assert first == second
    assert cached == [0, 0, 0, 1]


@pytest.mark.parametrize(("active", "shadow"), [("regression", "regression"), ("one sigmoid", "reconstruction")])
def test_a_shadow_of_any_task_is_added_beside_the_active_model(tmp_path: Path, active: str, shadow: str) -> None:
    folders = [tmp_path / "active", tmp_path / "shadow"]
    for folder in folders:
        folder.mkdir()
    serving = Serving(load(write_task(folders[0], active)), load(write_task(folders[1], shadow)))
    (result,) = enriched(serving, BURSTING)
    found = result["fields"]["oversight"]["shadow"]
    assert found["agrees"] == (active == shadow)
    if shadow == "regression":
        assert (found["value"], found["label"]) == (24.3, "out_of_bounds")
    else:
        assert (found["score"], found["label"]) == (2.0, "anomaly")
    assert "probability" not in found


def test_a_date_is_listed_once_however_many_features_read_it() -> None:
    assert MIXED.fields.count("pump.at") == 1
