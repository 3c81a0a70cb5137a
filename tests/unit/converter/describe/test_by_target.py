"""`contract init --by-target`: the labels whose alerts form incidents by target."""

from __future__ import annotations

from typing import Any

import pytest

from contract.artifact.contract import ModelContract
from contract.errors import ArtifactError, InputError
from converter.describe.describe import Wishes, describe
from converter.describe.seen import see
from tests.unit.converter.describe.test_describe import batches

LABELS = ("normal", "flood", "scan")


def contract(**wishes: Any) -> ModelContract:
    """The contract of rows with three labels."""
    rows = [{"load": index * 0.5, "class": LABELS[index % 3]} for index in range(300)]
    return describe(see(batches(rows)), Wishes("sample", **wishes)).contract


def test_a_flood_is_marked_and_makes_the_events_network_events() -> None:
    found = contract(label="class", by_target=("flood",))
    assert found.to_dict()["incidents_by"] == {"flood": "target"}
    assert found.target_families == {"flood"}
    assert "network" in found.event.category
    assert ModelContract.from_json(found.to_json(), written=True) == found


def test_without_it_no_label_is_marked() -> None:
    found = contract(label="class")
    assert "incidents_by" not in found.to_dict()
    assert "network" not in found.event.category


@pytest.mark.parametrize(
    ("wishes", "message"),
    [
        ({"label": "class", "by_target": ("flod",)}, "--by-target flod: no label that alerts .* flood, scan"),
        ({"label": "class", "by_target": ("normal",)}, "--by-target normal: no label that alerts .* flood, scan"),
        ({"by_target": ("flood",)}, "--by-target flood: only a classification .* --label"),
        ({"label": "load", "by_target": ("flood",)}, "--by-target flood: only a classification"),
    ],
    ids=["misspelt", "harmless", "anomalies", "regression"],
)
def test_a_label_that_cannot_be_marked_is_refused(wishes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        contract(**wishes)


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        ({"flod": "target"}, ("incidents_by", "'flod'", "correct it, or leave it out")),
        ({"flood": "source"}, ("incidents_by", "flood", "source", "machine", "target")),
        ({"flood": 1}, ("incidents_by", "flood", "1", "machine", "target")),
        ({"flood": None}, ("incidents_by", "flood", "machine", "target")),
        (["flood"], ("incidents_by", "flood", "object")),
        ("flood", ("incidents_by", "flood", "object")),
    ],
    ids=["unknown family", "wrong word", "number", "null", "list", "text"],
)
def test_a_wrong_mark_in_a_written_contract_is_named(value: object, parts: tuple[str, ...]) -> None:
    """The message has the field, the value and what to write."""
    data = {**contract(label="class").to_dict(), "incidents_by": value}
    with pytest.raises(ArtifactError) as found:
        ModelContract.from_dict(data, written=True)
    for part in parts:
        assert part in str(found.value)
