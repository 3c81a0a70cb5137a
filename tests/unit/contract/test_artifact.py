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
        Feature("pressure", "pump.pressure", "float", minimum=0.0, maximum=9.5, background=3.0,
                usual_low=1.0, usual_middle=3.5, usual_high=5.0,
                profile_edges=(0.0, 2.5), profile_shares=(0.25, 0.0, 0.75)),
        Feature("maker", "pump.maker", "string", vocabulary=("acme", "züri"), background="acme",
                usual_shares=(("züri", 0.7), ("acme", 0.3))),
        Feature("flow", "pump.flow", "float"),
    ),
    labels=(Label("fine", "fine", 0), LABELS[10]),
    families=("fine", LABELS[10].family),
    novelty_threshold=0.9,
    usual_of="dry pumps",
    heldout={"accuracy": 0.5},
)  # fmt: skip

FLOAT = {"name": "a", "field": "a", "kind": "float"}
WORD = {"name": "a", "field": "a", "kind": "string", "vocabulary": ["a", "b"]}


def _broken(**changes: Any) -> str:
    return json.dumps({**CONTRACT.to_dict(), **changes})


def test_a_contract_reads_back_as_it_was_written() -> None:
    assert ModelContract.from_json(CONTRACT.to_json()) == CONTRACT


def test_what_is_usual_may_be_left_out() -> None:
    """A contract written before there was such a thing, or by someone who does not know it."""
    data = json.loads(CONTRACT.to_json())
    del data["usual_of"]
    assert ModelContract.from_dict(data).usual_of == "harmless rows"
    assert data["features"][2] == {"name": "flow", "field": "pump.flow", "kind": "float",
                                   "minimum": None, "maximum": None, "background": None}  # fmt: skip


def test_shares_are_read_the_commonest_first() -> None:
    """JSON objects have no order that a writer must keep."""
    data = CONTRACT.to_dict()
    data["features"][1]["usual_shares"] = {"acme": 0.3, "züri": 0.7}
    assert ModelContract.from_dict(data).categorical[0].usual_shares == (("züri", 0.7), ("acme", 0.3))


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
        (_broken(features=[{**FLOAT, "usual_low": 2, "usual_high": 1}]), "expected ascending"),
        (_broken(features=[{**FLOAT, "usual_middle": "low"}]), "usual_middle"),
        (_broken(features=[{**WORD, "usual_shares": {"c": 0.5}}]), "'c', which is not in its vocabulary"),
        (_broken(features=[{**WORD, "usual_shares": {"a": 0.7, "b": 0.7}}]), "no shares of one whole"),
        (_broken(features=[{**WORD, "usual_shares": {"a": -0.1}}]), "no shares of one whole"),
        (_broken(features=[{**WORD, "usual_shares": ["a"]}]), "usual_shares"),
        (_broken(features=[{**FLOAT, "profile_edges": [1, 1], "profile_shares": [0.5, 0.5, 0]}]), "not ascending"),
        (_broken(features=[{**FLOAT, "profile_edges": [1], "profile_shares": [1]}]), "1 edges and 1 shares"),
        (_broken(features=[{**FLOAT, "profile_shares": [1]}]), "0 edges and 1 shares"),
        (_broken(features=[{**FLOAT, "profile_edges": [1], "profile_shares": [0.5, 0.4]}]), "sum to 1"),
        (_broken(features=[{**FLOAT, "profile_edges": [1], "profile_shares": [1.5, -0.5]}]), "sum to 1"),
        (_broken(features=[{**FLOAT, "profile_edges": ["1"], "profile_shares": [0.5, 0.5]}]), "profile_edges"),
        (_broken(features=[{**FLOAT, "profile_edges": 1, "profile_shares": [0.5, 0.5]}]), "profile_edges"),
        (_broken(features=[{**WORD, "profile_edges": [1], "profile_shares": [0.5, 0.5]}]), "profile of numbers"),
        (_broken(usual_of=3), "usual_of"),
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
