"""A field is found in every spelling, nested or dotted; two spellings in one document are rejected."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.documents.paths import leaves, lookup, nest
from contract.errors import AmbiguousFieldError

names = st.text("abc", min_size=1, max_size=2)
paths = st.lists(names, min_size=1, max_size=4)
values = st.one_of(st.none(), st.integers(), st.text(max_size=3), st.booleans(), st.lists(st.integers(), max_size=2))


def _spell(parts: list[str], cuts: list[bool], value: Any) -> dict[str, Any]:
    """A document with the value; `cuts` decides for each level whether it is nested or dotted."""
    groups = [[parts[0]]]
    for part, cut in zip(parts[1:], cuts, strict=False):
        if cut:
            groups.append([part])
        else:
            groups[-1].append(part)
    document: Any = value
    for group in reversed(groups):
        document = {".".join(group): document}
    spelled: dict[str, Any] = document
    return spelled


@given(paths, st.lists(st.booleans(), min_size=3, max_size=3), values)
def test_every_spelling_is_found(parts: list[str], cuts: list[bool], value: Any) -> None:
    assert lookup(_spell(parts, cuts, value), ".".join(parts), default="absent") == value


@given(paths, values)
def test_nesting_and_listing_leaves_are_inverse(parts: list[str], value: Any) -> None:
    assert list(leaves(nest({".".join(parts): value}))) == [(".".join(parts), value)]


def test_an_absent_field_gives_the_default() -> None:
    assert lookup({"a": {"c": 1}, "a.d": 2, "b": 5}, "a.b", default="absent") == "absent"
    assert lookup({"a": 5}, "a.b") is None


@pytest.mark.parametrize(
    "document", [{"a": {"b": 1}, "a.b": 1}, {"a": {"b": {"c": 1}, "b.c": 2}}, {"a.b": {"c": 1}, "a": {"b": {"c": 1}}}]
)
def test_two_spellings_of_one_field_are_rejected(document: dict[str, Any]) -> None:
    path = ".".join(next(iter(leaves(document)))[0].split("."))
    with pytest.raises(AmbiguousFieldError, match="keep the nested spelling"):
        lookup(document, path)
