"""Contracts of format 2: tasks, events, missing values and dates, and the verdicts of each task."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from contract.artifact.contract import EventWords, Feature, Label, ModelContract, ScoreOutput, ValueOutput
from contract.artifact.verdict import VerdictRule
from contract.errors import ArtifactError

TWO = (Label("normal", "normal", 0), Label("odd", "odd", 50))
CLASSES = ModelContract(
    name="pumps",
    dataset="factory.pumps",
    event=EventWords(("host",), ("info",), ("host",), ("indicator",)),
    features=(
        Feature("pressure", "pump.pressure", "float", missing="flag", missing_value=0.0),
        Feature("on", "pump.on", "float", reads="boolean", missing="value", missing_value=1.0),
        Feature("hour", "pump.seen", "float", reads="hour"),
        Feature("age", "pump.seen", "float", reads="seconds", origin="2026-01-01T00:00:00Z"),
        Feature("load", "pump.load", "float", missing="value"),
        Feature("maker", "pump.maker", "string", ("acme", "?"), missing="value", missing_value="?"),
    ),
    labels=TWO,
    families=("normal", "odd"),
    proof="labels",
    proved={"accuracy": 0.9},
)
NUMBER = replace(CLASSES, task="regression", value=ValueOutput("bar", low=1.0, high=9.0))
SCORE = replace(CLASSES, task="anomaly", score=ScoreOutput(0.3, alerts="below", measure="mae", compared_with="scaled"))
SEVERAL = replace(
    CLASSES,
    several_labels=True,
    labels=(Label("hot", "odd", 50, threshold=0.2), Label("loud", "odd", 20), Label("normal", "normal", 0)),
)


@pytest.mark.parametrize("contract", [CLASSES, NUMBER, SCORE, SEVERAL], ids=["classes", "number", "score", "several"])
def test_a_contract_is_written_and_read_back_unchanged(contract: ModelContract) -> None:
    contract.check()
    assert contract.to_dict()["format"] == 2
    assert ModelContract.from_json(contract.to_json(), written=True) == contract


def test_a_contract_that_fits_format_1_is_written_in_format_1() -> None:
    """An older Oversight can still read it."""
    plain = ModelContract("pumps", (Feature("load", "pump.load", "float"),), TWO, ("normal", "odd"))
    assert plain.to_dict()["format"] == 1
    assert not {"task", "dataset", "event", "proof"} & set(plain.to_dict())


def test_a_task_of_numbers_needs_no_labels() -> None:
    data = {key: value for key, value in NUMBER.to_dict().items() if key not in ("labels", "families")}
    assert [label.name for label in ModelContract.from_dict(data).labels] == ["within_bounds", "out_of_bounds"]


@pytest.mark.parametrize(
    ("contract", "change", "says"),
    [
        (
            CLASSES,
            {"task": "clustering"},
            "`task` is 'clustering'; write 'classification' or 'regression' or 'anomaly'",
        ),
        (CLASSES, {"dataset": "My-Pumps"}, "`dataset` is 'My-Pumps', and becomes part of the data stream's name"),
        (CLASSES, {"value": {"unit": "bar"}}, "`value` belongs to the task 'regression'"),
        (CLASSES, {"event": {"kind": ["x"]}}, "`event`: the key 'kind' is unknown"),
        (CLASSES, {"format": 1}, "the key 'task' is unknown"),
        (NUMBER, {"value": {"low": 5, "high": 2}}, "`low` 5 and `high` 2; write the smaller bound as `low`"),
        (NUMBER, {"labels": [{"name": "a", "family": "odd", "severity": 1}]}, "must be two"),
        (NUMBER, {"novelty_threshold": 0.5}, "`novelty_threshold` belongs to a classification"),
        (SCORE, {"score": None}, "`score` is missing"),
        (SCORE, {"score": {"threshold": "high"}}, "`threshold` is 'high'; write a number"),
        (SCORE, {"score": {"alerts": "above"}}, '`score` has no `threshold`; write one, or "quantile": 0.99'),
        (SCORE, {"score": {"quantile": 1.5}}, "`score` has `quantile` 1.5; write the share of rows"),
        (SCORE, {"several_labels": True}, "`several_labels` belongs to a classification"),
        (SEVERAL, {"labels": SEVERAL.to_dict()["labels"][:2]}, "add a harmless label with severity 0 at the end"),
    ],
)
def test_a_wrong_contract_is_named(contract: ModelContract, change: dict[str, Any], says: str) -> None:
    data = {"task": "classification"} | contract.to_dict() | change
    with pytest.raises(ArtifactError, match="the contract has") as refused:
        ModelContract.from_json(json.dumps(data), written=True)
    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        ("pressure", {"missing_value": None}, "write the number that the model gets beside the flag"),
        ("pressure", {"missing": "error"}, "`missing_value` has no effect"),
        ("pressure", {"missing_value": "low"}, "`missing_value` is 'low', and the feature is a float"),
        ("maker", {"missing": "flag"}, "a string has no flag"),
        ("maker", {"missing_value": 2}, "write the word that stands for a missing one"),
        ("maker", {"reads": "hour"}, "`reads` is 'hour', and the feature is a string"),
        ("age", {"origin": "yesterday"}, "`origin` is 'yesterday'; write a date with its zone"),
        ("age", {"origin": "2026-01-01"}, "write a date with its zone"),
        ("hour", {"origin": "2026-01-01T00:00:00Z"}, "belong together"),
        ("on", {"field": "pump.seen"}, "its field 'pump.seen' is a date for"),
        ("on", {"field": "source.bytes"}, "is stored as long"),
    ],
)
def test_a_wrong_feature_is_named(name: str, change: dict[str, Any], says: str) -> None:
    data = CLASSES.to_dict()
    data["features"] = [item | (change if item["name"] == name else {}) for item in data["features"]]
    with pytest.raises(ArtifactError) as refused:
        ModelContract.from_dict(data, written=True)
    assert f"feature {name!r}: " in str(refused.value)
    assert says in str(refused.value)


@pytest.mark.parametrize("value", [5, "x", [], {"a": 1}])
@pytest.mark.parametrize("key", ["task", "value", "score", "event", "proof"])
def test_a_value_of_another_kind_is_named_once(key: str, value: Any) -> None:
    """Also if it is a value that cannot be looked up."""
    data = {name: part for name, part in NUMBER.to_dict().items() if name not in ("labels", "families")} | {key: value}
    with pytest.raises(ArtifactError) as refused:
        ModelContract.from_dict(data, written=True)
    problems = [problem.rstrip("; ") for problem in re.split(r"\(\d+\) ", str(refused.value))]
    assert len(problems) == len(set(problems))
    assert f"`{key}`" in str(refused.value)


def test_a_date_may_be_the_document_s_own() -> None:
    feature = Feature("hour", "@timestamp", "float", reads="hour")
    replace(CLASSES, features=(feature,)).check()
    with pytest.raises(ArtifactError, match="is written by Oversight"):
        replace(CLASSES, features=(replace(feature, reads="number"),)).check()


def test_a_value_alerts_beyond_its_bounds() -> None:
    verdicts = VerdictRule(NUMBER).of({"value": np.array([0.9, 1.0, 9.0, 9.1], np.float32)})
    assert verdicts.closest.tolist() == [1, 0, 0, 1]
    assert verdicts.attack.tolist() == [True, False, False, True]
    assert not verdicts.unknown.any()
    without = VerdictRule(replace(NUMBER, value=None)).of({"value": np.array([-1e30, 1e30], np.float32)})
    assert without.closest.tolist() == [0, 0]


def test_a_score_alerts_on_its_side_of_the_threshold() -> None:
    score = np.array([0.2, 0.3, 0.4], np.float32)
    assert VerdictRule(SCORE).of({"score": score}).closest.tolist() == [1, 0, 0]
    above = replace(SCORE, score=ScoreOutput(0.3))
    assert VerdictRule(above).of({"score": score}).closest.tolist() == [0, 0, 1]


def test_a_threshold_of_the_second_label_counts_from_its_value() -> None:
    contract = replace(CLASSES, labels=(TWO[0], replace(TWO[1], threshold=0.25)))
    p = np.array([0.249, 0.25, 0.9], np.float32)
    verdicts = VerdictRule(contract).of({"probabilities": np.stack([1 - p, p], axis=1)})
    assert verdicts.closest.tolist() == [0, 1, 1]
    assert verdicts.held is None


def test_several_labels_may_hold() -> None:
    """The closest is the one furthest above its threshold; the last holds where no other does."""
    p = np.array([[0.9, 0.6, 0.1], [0.25, 0.1, 0.75], [0.1, 0.49, 0.51], [0.3, 0.9, 0.1]], np.float32)
    verdicts = VerdictRule(SEVERAL).of({"probabilities": p})
    assert verdicts.held is not None
    assert verdicts.held.tolist() == [
        [True, True, False],
        [True, False, False],
        [False, False, True],
        [True, True, False],
    ]
    assert verdicts.closest.tolist() == [0, 0, 2, 1]
    assert verdicts.attack_probability.tolist() == pytest.approx([0.9, 0.25, 0.49, 0.9])
