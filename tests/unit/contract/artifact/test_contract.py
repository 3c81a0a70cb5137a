"""A contract is written into the artifact and read back unchanged; a damaged one is refused with the name
of the error.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from contract.artifact.contract import Feature, Label, ModelContract
from contract.artifact.file import read_file
from contract.errors import ArtifactError
from contract.kdd99.columns import CATEGORICAL, COLUMNS, FAMILIES, LABELS, NUMERIC, TEST_ONLY_FAMILIES
from tests.conftest import ROOT

CONTRACT = ModelContract(
    name="pumps",
    features=(
        Feature(
            "pressure",
            "pump.pressure",
            "float",
            minimum=0.0,
            maximum=9.5,
            background=3.0,
            usual_low=1.0,
            usual_middle=3.5,
            usual_high=5.0,
            profile_edges=(0.0, 2.5),
            profile_shares=(0.25, 0.0, 0.75),
        ),
        Feature(
            "maker",
            "pump.maker",
            "string",
            vocabulary=("acme", "züri"),
            background="acme",
            usual_shares=(("züri", 0.7), ("acme", 0.3)),
        ),
        Feature("flow", "pump.flow", "float"),
    ),
    labels=(Label("fine", "fine", 0), LABELS[10]),
    families=("fine", LABELS[10].family),
    novelty_threshold=0.9,
    usual_of="dry pumps",
    heldout={"accuracy": 0.5},
)

FLOAT = {"name": "a", "field": "a", "kind": "float"}
WORD = {"name": "a", "field": "a", "kind": "string", "vocabulary": ["a", "b"]}


def _broken(**changes: Any) -> str:
    return json.dumps({**CONTRACT.to_dict(), **changes})


def _with_usual(reasons: object, fall: object = 1.0) -> str:
    labels = [
        {"name": "b", "family": "bad", "severity": 9, "usual_reasons": reasons, "usual_fall": fall},
        {"name": "c", "family": "bad", "severity": 9},
    ]
    return _broken(features=[FLOAT], labels=labels, families=["bad"])


def test_usual_reasons_are_read_back_unchanged() -> None:
    contract = ModelContract.from_json(_with_usual(["a"], 2.5))
    assert (contract.labels[0].usual_reasons, contract.labels[0].usual_fall) == (("a",), 2.5)
    assert ModelContract.from_json(contract.to_json()) == contract


def test_a_contract_is_read_back_unchanged() -> None:
    assert ModelContract.from_json(CONTRACT.to_json()) == CONTRACT


def test_the_usual_values_are_optional() -> None:
    """Older contracts lack them, and so do contracts of authors who do not know them."""
    data = json.loads(CONTRACT.to_json())
    del data["usual_of"]
    assert ModelContract.from_dict(data).usual_of == "harmless rows"
    assert data["features"][2] == {
        "name": "flow",
        "field": "pump.flow",
        "kind": "float",
        "minimum": None,
        "maximum": None,
        "background": None,
    }


def test_shares_are_sorted_with_the_commonest_first() -> None:
    """A writer of JSON may use any order of keys."""
    data = CONTRACT.to_dict()
    data["features"][1]["usual_shares"] = {"acme": 0.3, "züri": 0.7}
    assert ModelContract.from_dict(data).categorical[0].usual_shares == (("züri", 0.7), ("acme", 0.3))


def test_floats_and_strings_are_separated_each_in_order() -> None:
    assert [feature.name for feature in CONTRACT.numeric] == ["pressure", "flow"]
    assert [feature.name for feature in CONTRACT.categorical] == ["maker"]
    assert CONTRACT.fields == ("pump.pressure", "pump.maker", "pump.flow")


LABELS_OF_TWO = [{"name": "a", "family": "fine", "severity": 0}, {"name": "b", "family": "fine", "severity": 9}]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("{", "not JSON"),
        ("[]", "not a JSON object"),
        ("[" * 100_000, "its lists or objects are nested too deeply"),
        ('{"a": 1, "a": 2}', "the key 'a' twice"),
        ('{"a": NaN}', "NaN is not a JSON number"),
        ('{"a": -Infinity}', "-Infinity is not a JSON number"),
        ('{"a": 1' + "0" * 400 + "}", "has 401 digits"),
        (" " * (8 * 1024 * 1024 + 1), "characters, expected 8,388,608 at most"),
        (_broken(format=99), "format 99"),
        (_broken(format=True), "format True"),
        (_broken(name=None), "`name` is missing; write a name"),
        (_broken(name=" "), "`name` is empty"),
        (_broken(name="a/b"), "becomes part of paths"),
        (_broken(name=".."), "becomes part of paths"),
        (_broken(name="a\x1b[31m"), r"control character U\+001B"),
        (_broken(name="a\u202eb"), r"control character U\+202E"),
        (_broken(name="a\ud800"), r"control character U\+D800"),
        (_broken(name="a" * 300), "has 300 characters; write 256 at most"),
        (_broken(features=[]), "`features` is empty"),
        (_broken(features={}), "`features` is {}; write one object for each input"),
        (_broken(features=["a"]), "`features` holds 'a'; write one object"),
        (_broken(features=[{**FLOAT, "field": "a..b"}]), r"the field 'a\.\.b' is not a valid field name"),
        (_broken(features=[{**FLOAT, "field": "a*"}]), r"the field 'a\*' is not a valid field name"),
        (_broken(features=[{**FLOAT, "field": ".".join("a" * 17)}]), "17 objects deep; write 16 at most"),
        (_broken(features=[{"name": "a", "field": "a", "kind": "string"}]), "needs a vocabulary"),
        (_broken(features=[{**FLOAT, "vocabulary": ["a"]}]), "a float has no `vocabulary`"),
        (_broken(features=[{**WORD, "vocabulary": ["a", 1]}]), "`vocabulary` holds 1, which is not text"),
        (_broken(features=[{**WORD, "vocabulary": ["a", "a"]}]), "`vocabulary` names 'a' twice"),
        (_broken(features=[{**WORD, "vocabulary": ["a\nb"]}]), r"'a\\nb' in `vocabulary` holds the control character"),
        (_broken(features=[{**WORD, "background": 3}]), "`background` is 3.0; write a word"),
        (_broken(features=[{**FLOAT, "background": "x"}]), "`background` is 'x'; write a number"),
        (_broken(features=[{**FLOAT, "background": 1e39}]), "write a number from -3.4e38 to 3.4e38"),
        (_broken(features=[{**FLOAT, "kind": "integer"}]), '`kind` is \'integer\'; write "float" or "string"'),
        (_broken(features=[FLOAT] * 2), "occurs twice"),
        (_with_usual(["flow"]), "`usual_reasons` names 'flow', which is no feature"),
        (_with_usual(["a", "a"]), "usual reason of label 'b': 'a' occurs twice"),
        (_with_usual("a"), "`usual_reasons` is 'a'; write a list of feature names"),
        (_with_usual(["a"], None), "`usual_fall` is None; write a number of at least 0"),
        (_with_usual(["a"], -1), "`usual_fall` is -1.0; write a number of at least 0"),
        (_with_usual(["a"], "x"), "`usual_fall` is 'x'; write a number"),
        (_broken(features=[{"field": "a", "kind": "float"}]), r"features\[0\]: `name` is missing"),
        (
            _broken(features=[{**FLOAT, "minimum": 2, "maximum": 1}]),
            "feature 'a': `minimum` is 2 and above `maximum`, 1",
        ),
        (_broken(features=[{**FLOAT, "name": "Label"}]), "`label` is the name of the column of the label"),
        (_broken(features=[{**FLOAT, "usual_low": 2, "usual_high": 1}]), "expected ascending"),
        (_broken(features=[{**FLOAT, "usual_middle": "low"}]), "usual_middle"),
        (_broken(features=[{**WORD, "usual_shares": {"c": 0.5}}]), "'c', which is not in its vocabulary"),
        (_broken(features=[{**WORD, "usual_shares": {"a": 0.7, "b": 0.7}}]), "not shares of one whole"),
        (_broken(features=[{**WORD, "usual_shares": {"a": -0.1}}]), "not shares of one whole"),
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
        (
            _broken(labels=None),
            "`labels` is missing; write one object for each output of the model, in its order, such as",
        ),
        (_broken(labels=LABELS_OF_TWO[:1]), "fewer than two"),
        (_broken(labels=[LABELS_OF_TWO[0]] * 2), "label 'a' occurs twice"),
        (
            _broken(labels=[*LABELS_OF_TWO, {"name": "unknown", "family": "fine", "severity": 0}]),
            "label 'unknown': this name is",
        ),
        (
            _broken(labels=[*LABELS_OF_TWO, {"name": " ", "family": "fine", "severity": 0}]),
            "a label has an empty `name`",
        ),
        (_broken(labels=[{**LABELS_OF_TWO[0], "severity": 101}, LABELS_OF_TWO[1]]), "`severity` is 101"),
        (
            _broken(labels=[{**LABELS_OF_TWO[0], "severity": 1.5}, LABELS_OF_TWO[1]]),
            "`severity` is 1.5; write a whole number",
        ),
        (_broken(labels=[{**LABELS_OF_TWO[0], "severity": True}, LABELS_OF_TWO[1]]), "`severity` is True"),
        (_broken(labels=LABELS_OF_TWO).replace('"severity": 9', '"severity": 1e999'), "`severity` is inf"),
        (
            _broken(labels=[{**LABELS_OF_TWO[0], "technique": {"id": "T1"}}, LABELS_OF_TWO[1]]),
            "`technique`: `name` is missing",
        ),
        (_broken(families=["fine"]), "not in `families`"),
        (_broken(families=["fine", "fine", LABELS[10].family]), "family 'fine' occurs twice"),
        (_broken(families=["fine", "", LABELS[10].family]), "`families` holds an empty name"),
        (_broken(novelty_threshold=2), "expected 0 to 1"),
        (_broken(novelty_threshold="high"), "novelty_threshold"),
        (_broken(heldout={"a": [2**63]}), "in `heldout` has more than 64 bits"),
        (_broken(heldout={"a": 1}).replace('"a": 1', '"a": 1e999'), "in `heldout` is not a finite number"),
        (_broken(training={"a\x07": 1}), "in `training` holds the control character"),
        (_broken(libraries={"a": [[[[[[[[[[]]]]]]]]]]}), "`libraries` nests objects more than 8 deep"),
        (
            _broken(training={"label_rows": {"fine": "many"}}),
            "`training.label_rows` must be an object of label and number",
        ),
    ],
)
def test_a_damaged_contract_is_refused_by_name(text: str, named: str) -> None:
    """Also in an artifact: the service could not use it."""
    with pytest.raises(ArtifactError, match=named) as refusal:
        ModelContract.from_json(text)
    assert "\n" not in str(refusal.value)


def test_an_attack_page_that_is_no_url_is_refused() -> None:
    """The pages become links that users click."""
    data = CONTRACT.to_dict()
    data["labels"][1]["technique"]["reference"] = "javascript:alert(1)"
    with pytest.raises(ArtifactError, match="write an address that begins with https://"):
        ModelContract.from_dict(data)


@pytest.mark.parametrize(
    ("field", "kind", "said"),
    [
        ("oversight.status", "float", "written by Oversight"),
        ("oversight.mine", "float", "below 'oversight', which is written by Oversight"),
        ("event.original", "string", "written by Oversight"),
        ("event.kind", "string", "written by Oversight"),
        ("@timestamp", "float", "written by Oversight"),
        ("message", "string", "written by Oversight"),
        ("rule.name", "string", "written by Oversight"),
        ("kdd99.difficulty", "float", "written by Oversight"),
        ("_id", "string", "begins with `_`"),
        ("_index.x", "string", "begins with `_`"),
        ("source", "string", "is an object that holds other fields"),
        ("event", "float", "is an object that holds other fields"),
        ("source.ip.octet", "float", "is below 'source.ip', which holds a value"),
        ("source.ip", "string", "is stored as ip, and the feature is a string"),
        ("network.transport", "float", "is stored as keyword, and the feature is a float"),
    ],
)
def test_a_reserved_field_is_refused(field: str, kind: str, said: str) -> None:
    """Pipelines, watcher or the engine write it, or its mapping differs: events would fail, later or for ever."""
    words = {"vocabulary": ["a"]} if kind == "string" else {}
    with pytest.raises(ArtifactError, match=f"feature 'f': .*{said}"):
        ModelContract.from_json(_broken(features=[{"name": "f", "field": field, "kind": kind, **words}]))


def test_an_unused_field_of_ecs_can_be_a_feature() -> None:
    """Models on documents of Zeek or Packetbeat read them; with KDD's columns the pipelines write some of them."""
    ports = [{"name": name, "field": name, "kind": "float"} for name in ("destination.port", "source.bytes")]
    assert ModelContract.from_json(_broken(features=ports)).fields == ("destination.port", "source.bytes")
    with pytest.raises(ArtifactError, match=r"'source\.bytes' is written from the columns of KDD Cup 99"):
        ModelContract.from_json(_broken(features=[*ports, {"name": "land", "field": "kdd99.land", "kind": "float"}]))


def test_a_field_that_is_the_parent_of_another_is_refused() -> None:
    """A document cannot have a value and an object in one place; the message names both features."""
    nested = [{**FLOAT, "name": "one", "field": "river.depth"}, {**FLOAT, "name": "two", "field": "river.depth.mean"}]
    with pytest.raises(ArtifactError, match=r"feature 'one': its field 'river.depth' is the parent of .* of 'two'"):
        ModelContract.from_json(_broken(features=nested))


def test_all_problems_are_reported_at_once() -> None:
    """Unreadable values and invalid values, each with its place."""
    text = _broken(
        features=[
            {**FLOAT, "minimum": 2, "maximum": 1},
            {"name": "b", "field": "event.kind", "kind": "float"},
            {"name": "c", "field": "c", "kind": "float", "minimum": "low"},
        ],
        labels=[{"name": "unknown", "family": "fine", "severity": 0}, {"name": "x", "family": "else", "severity": 0}],
        novelty_threshold=7,
    )
    with pytest.raises(ArtifactError, match="the contract has 6 problems") as refusal:
        ModelContract.from_json(text)
    for said in (
        "feature 'c': `minimum` is 'low'",
        "feature 'a': `minimum`",
        "feature 'b': the field 'event.kind'",
        "label 'unknown'",
        "label 'x': its family 'else'",
        "`novelty_threshold` is 7",
    ):
        assert said in str(refusal.value)


def test_thousands_of_problems_make_a_readable_message() -> None:
    features = [{"name": f"f{number}", "field": f"_f{number}", "kind": "float"} for number in range(5_000)]
    with pytest.raises(ArtifactError, match="and 4988 more") as refusal:
        ModelContract.from_json(_broken(features=features))
    assert len(str(refusal.value)) < 3_000


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (_broken(unit="m"), "the key 'unit' is unknown; expected format, name"),
        (_broken(features=[{**FLOAT, "units": "m"}]), "feature 'a': the key 'units' is unknown; expected name, field"),
        (
            _broken(labels=[{**LABELS_OF_TWO[0], "colour": 1}, LABELS_OF_TWO[1]]),
            "label 'a': the key 'colour' is unknown",
        ),
        (_broken(name="Pumps"), "`name` is 'Pumps', .* write lower-case letters"),
        (_broken(features=[{**FLOAT, "name": "class"}]), "feature 'class': files use this name for the column"),
        (_broken(features=[{**FLOAT, "name": "a=b"}]), "`|` and `=` cannot be in a name"),
    ],
)
def test_a_new_contract_must_follow_more_rules_than_an_old_artifact(text: str, named: str) -> None:
    """Old artifacts with it are still served; no new one is created."""
    ModelContract.from_json(text)
    with pytest.raises(ArtifactError, match=named):
        ModelContract.from_json(text, written=True)


def test_the_shipped_contracts_follow_every_rule() -> None:
    """The contracts of the models in the repository, also the rules for new contracts."""
    for path in (ROOT / "models").glob("*/model.onnx"):
        contract = read_file(path).contract
        assert ModelContract.from_json(contract.to_json(), written=True) == contract


def test_kdd_has_41_columns_and_23_labels_in_four_attack_families() -> None:
    assert len(COLUMNS) == len(set(COLUMNS)) == 41
    assert len(NUMERIC) == 38
    assert len(CATEGORICAL) == 3
    assert len(LABELS) == 23
    assert {label.family for label in LABELS} == set(FAMILIES)
    assert len(TEST_ONLY_FAMILIES) == 17
    assert not {label.name for label in LABELS} & set(TEST_ONLY_FAMILIES)
    assert [label.name for label in LABELS if label.severity == 0] == ["normal"]
