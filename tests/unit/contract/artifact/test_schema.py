"""docs/contract.schema.json accepts and refuses the same contracts as the reader."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import jsonschema_rs
import pytest

from contract.artifact.contract import ModelContract
from contract.errors import ArtifactError
from tests.conftest import ROOT

SCHEMA = jsonschema_rs.validator_for(json.loads((ROOT / "docs" / "contract.schema.json").read_text(encoding="utf-8")))
RIVERS: dict[str, Any] = {
    "format": 2,
    "name": "rivers",
    "features": [
        {"name": "depth", "field": "river.depth", "kind": "float", "missing": "flag", "missing_value": 0.0},
        {"name": "hour", "field": "river.at", "kind": "float", "reads": "hour"},
        {
            "name": "colour",
            "field": "river.colour",
            "kind": "string",
            "vocabulary": ["red"],
            "usual_shares": {"red": 1},
        },
    ],
    "labels": [
        {"name": "calm", "family": "calm", "severity": 0},
        {"name": "flood", "family": "wet", "severity": 50, "threshold": 0.4},
    ],
    "families": ["calm", "wet"],
    "dataset": "rivers",
    "event": {"category": ["host"]},
}
ANOMALY = {key: RIVERS[key] for key in ("format", "name", "features")} | {
    "task": "anomaly",
    "score": {"quantile": 0.99},
}
Change = Callable[[dict[str, Any]], Any]


def is_read(contract: dict[str, Any]) -> bool:
    try:
        ModelContract.from_dict(contract, written=True)
    except ArtifactError:
        return False
    return True


@pytest.mark.parametrize("contract", [RIVERS, ANOMALY], ids=["classification", "anomaly"])
def test_a_contract_that_the_reader_accepts_fits_the_schema(contract: dict[str, Any]) -> None:
    assert is_read(contract)
    SCHEMA.validate(contract)


@pytest.mark.parametrize("name", ["kdd99-mlp", "kdd99-flow"])
def test_the_shipped_contracts_fit_the_schema(name: str) -> None:
    SCHEMA.validate(json.loads((ROOT / "models" / name / "contract.json").read_text(encoding="utf-8")))


def test_a_written_contract_fits_the_schema() -> None:
    SCHEMA.validate(ModelContract.from_dict(RIVERS).to_dict())
    SCHEMA.validate(ModelContract.from_dict(ANOMALY).to_dict())


@pytest.mark.parametrize(
    "change",
    [
        lambda contract: contract.pop("format"),
        lambda contract: contract.update(format=3),
        lambda contract: contract.pop("features"),
        lambda contract: contract.pop("labels"),
        lambda contract: contract.update(features=[]),
        lambda contract: contract.update(task="clustering"),
        lambda contract: contract.update(dataset="Rivers-1"),
        lambda contract: contract.update(colour="red"),
        lambda contract: contract["features"][0].update(kind="int"),
        lambda contract: contract["features"][0].update(reads="minute"),
        lambda contract: contract["features"][0].update(unit="m"),
        lambda contract: contract["features"][0].pop("field"),
        lambda contract: contract["features"][2].update(vocabulary=[1]),
        lambda contract: contract["features"][2].update(usual_shares=[["red", 1]]),
        lambda contract: contract["labels"][0].update(severity=101),
        lambda contract: contract["labels"][0].update(severity=0.5),
        lambda contract: contract["labels"][0].pop("family"),
        lambda contract: contract["event"].update(category="host"),
        lambda contract: contract["event"].update(kind=["host"]),
    ],
)
def test_the_schema_refuses_what_the_reader_refuses(change: Change) -> None:
    changed = copy.deepcopy(RIVERS)
    change(changed)
    assert not is_read(changed)
    assert not SCHEMA.is_valid(changed)


def test_an_editor_can_show_what_a_key_means() -> None:
    """The texts come from the docstrings of the classes."""
    schema = json.loads((ROOT / "docs" / "contract.schema.json").read_text(encoding="utf-8"))
    feature = schema["$defs"]["Feature"]["properties"]
    assert feature["field"]["description"] == "The document field that holds it, as a dotted name."
    assert all("description" in feature[key] for key in ("vocabulary", "background", "reads", "origin", "missing"))
