"""A contract survives the way into the artifact and back, and a damaged one is refused by name."""

from __future__ import annotations

import json
from typing import Any

import pytest

from contract.artifact import Feature, Label, ModelContract
from contract.errors import ArtifactError
from contract.kdd99 import CATEGORICAL, COLUMNS, FAMILIES, LABELS, NUMERIC, TEST_ONLY_FAMILIES

CONTRACT = ModelContract(
    name="pumps",
    features=(
        Feature("pressure", "pump.pressure", "float", minimum=0.0, maximum=9.5, background=3.0),
        Feature("maker", "pump.maker", "string", vocabulary=("acme", "züri"), background="acme"),
        Feature("flow", "pump.flow", "float"),
    ),
    labels=(Label("fine", "fine", 0), LABELS[10]),
    families=("fine", LABELS[10].family),
    novelty_threshold=0.9,
    heldout={"accuracy": 0.5},
)


def _broken(**changes: Any) -> str:
    return json.dumps({**CONTRACT.to_dict(), **changes})


def test_a_contract_reads_back_as_it_was_written() -> None:
    assert ModelContract.from_json(CONTRACT.to_json()) == CONTRACT


def test_floats_and_strings_are_split_each_in_order() -> None:
    assert [feature.name for feature in CONTRACT.numeric] == ["pressure", "flow"]
    assert [feature.name for feature in CONTRACT.categorical] == ["maker"]
    assert CONTRACT.fields == ("pump.pressure", "pump.maker", "pump.flow")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("{", "not JSON"),
        ("[]", "not a JSON object"),
        (_broken(format=99), "format 99"),
        (_broken(features=[]), "`features` is empty"),
        (_broken(features=[{"name": "a", "field": "a..b", "kind": "float"}]), "which no engine takes"),
        (_broken(features=[{"name": "a", "field": "a", "kind": "string"}]), "no vocabulary"),
        (_broken(features=[{"name": "a", "field": "a", "kind": "integer"}]), "kind 'integer'"),
        (_broken(features=[{"name": "a", "field": "a", "kind": "float"}] * 2), "occurs twice"),
        (_broken(features=[{"field": "a", "kind": "float"}]), "'name'"),
        (_broken(labels=[{"name": "a", "family": "fine", "severity": 0}]), "fewer than two"),
        (_broken(families=["fine"]), "not in `families`"),
        (_broken(novelty_threshold=2), "expected 0 to 1"),
        (_broken(novelty_threshold="high"), "novelty_threshold"),
    ],
)
def test_a_damaged_contract_is_refused_by_name(text: str, named: str) -> None:
    with pytest.raises(ArtifactError, match=named):
        ModelContract.from_json(text)


def test_kdd_has_41_columns_and_23_labels_in_four_attack_families() -> None:
    assert len(COLUMNS) == len(set(COLUMNS)) == 41
    assert len(NUMERIC) == 38
    assert len(CATEGORICAL) == 3
    assert len(LABELS) == 23
    assert {label.family for label in LABELS} == set(FAMILIES)
    assert len(TEST_ONLY_FAMILIES) == 17
    assert not {label.name for label in LABELS} & set(TEST_ONLY_FAMILIES)
    assert [label.name for label in LABELS if label.severity == 0] == ["normal"]
