"""The type that decodes the features of a document, in each of their spellings."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest

from contract.artifact.contract import Feature, Label, ModelContract
from contract.sources import NO_NUMBER, NO_WORD, Level, source_level

CONTRACT = ModelContract(
    name="rivers",
    features=(
        Feature("depth", "river.depth_m", "float"),
        Feature("bed", "river.bed.kind", "string"),
        Feature("rain", "rain", "float"),
    ),
    labels=(Label("calm", "calm", 0),),
    families=("calm",),
)
LEVEL = source_level(CONTRACT)


def values(level: Level, found: msgspec.Struct) -> list[tuple[str, int, Any]]:
    """Kind, column and value of each feature of a document, at any level."""
    row = msgspec.structs.astuple(found)
    n_own = len(level.numbers) + len(level.words)
    own = [("float", column, row[place]) for column, place in zip(level.numbers, level.number_places, strict=True)]
    own += [("string", column, row[place]) for column, place in zip(level.words, level.word_places, strict=True)]
    here = [one for one in own if one[2] is not NO_NUMBER and one[2] is not NO_WORD]
    return here + [one for part, below in zip(row[n_own:], level.below, strict=True) for one in values(below, part)]


@pytest.mark.parametrize(
    "source",
    [
        {"river": {"depth_m": 2, "bed": {"kind": "sand"}}, "rain": 0.5},
        {"river.depth_m": 2, "river.bed.kind": "sand", "rain": 0.5},
        {"river": {"depth_m": 2, "bed.kind": "sand"}, "rain": 0.5},
        {"river": {"depth_m": 2}, "river.bed": {"kind": "sand"}, "rain": 0.5},
        {
            "rain": 0.5,
            "more": [None, {}],
            "river.bed.kind": "sand",
            "river": {"bed": {"more": 1}, "depth_m": 2, "x": "y"},
        },
    ],
)
def test_every_spelling_has_a_place(source: dict[str, Any]) -> None:
    """Nested, dotted, and partly dotted; other fields are ignored."""
    found = msgspec.json.decode(msgspec.json.encode(source), type=LEVEL.type)
    assert sorted(values(LEVEL, found)) == [("float", 0, 2.0), ("float", 1, 0.5), ("string", 0, "sand")]


def test_a_list_of_one_is_kept_as_a_tuple() -> None:
    """The `fields` of a search have every value in a list."""
    found = msgspec.json.decode(b'{"river.depth_m": [2], "river.bed.kind": ["sand"], "rain": [0.5]}', type=LEVEL.type)
    assert sorted(values(LEVEL, found)) == [("float", 0, (2.0,)), ("float", 1, (0.5,)), ("string", 0, ("sand",))]


def test_two_spellings_have_two_places() -> None:
    """So a reader can see both."""
    found = msgspec.json.decode(b'{"river": {"depth_m": 2}, "river.depth_m": 3}', type=LEVEL.type)
    assert sorted(values(LEVEL, found)) == [("float", 0, 2.0), ("float", 0, 3.0)]


def test_an_absent_part_is_the_shared_empty_object() -> None:
    """It is always the same object, so a reader can skip it by identity."""
    found = msgspec.json.decode(b"{}", type=LEVEL.type)
    assert msgspec.structs.astuple(found)[-1] is LEVEL.below[-1].empty
    assert values(LEVEL, found) == []
    assert math.isnan(NO_NUMBER)


@pytest.mark.parametrize(
    "value", ["null", "true", '"5"', "[]", "[1, 2]", "[[1]]", "{}", "1e999", "[null]", '["5"]', "[true]"]
)
def test_a_number_is_a_json_number(value: str) -> None:
    """Other values are checked in the slower way: they may still be valid."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(f'{{"rain": {value}}}', type=LEVEL.type)


@pytest.mark.parametrize("value", ["null", "true", "5", "[]", '["a", "b"]', '[["a"]]', "{}", "[null]", "[5]"])
def test_a_word_is_a_json_text(value: str) -> None:
    """As above."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(f'{{"river": {{"bed": {{"kind": {value}}}}}}}', type=LEVEL.type)


def test_a_deep_field_costs_no_more_types_than_it_has_parts() -> None:
    """A field of n parts can be spelled in 2 ** (n - 1) ways."""
    deep = ".".join(f"part_{place}" for place in range(18))
    contract = ModelContract("deep", (Feature("deep", deep, "float"),), CONTRACT.labels, CONTRACT.families)
    level, levels = source_level(contract), set[int]()
    left = [level]
    while left:
        one = left.pop()
        if id(one) not in levels:
            levels.add(id(one))
            left += one.below
    assert len(levels) == 18
