"""Slices in the numbering of users and of engines, and parts of parts."""

from __future__ import annotations

import pytest

from watcher.read.slices import MAX_PARTS, Slice, combined, parse_slice


def test_users_count_slices_from_one_and_engines_from_zero() -> None:
    assert parse_slice(" 2/3 ") == Slice(1, 3)
    assert str(Slice(1, 3)) == "2/3"


@pytest.mark.parametrize("text", ["", "2", "0/3", "4/3", "a/b", "1/65", "-1/3", "1/2/3"])
def test_an_invalid_slice_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="such as 2/3"):
        parse_slice(text)


def test_parts_of_parts_are_disjoint_and_together_everything() -> None:
    parts = [combined(Slice(outer, 3), Slice(inner, 4)) for outer in range(3) for inner in range(4)]
    assert sorted(part.id for part in parts if part is not None) == list(range(12))
    assert {part.max for part in parts if part is not None} == {12}


def test_a_part_of_everything_is_that_part_and_one_of_one_is_everything() -> None:
    assert combined(None, Slice(2, 5), None) == Slice(2, 5)
    assert combined(None, Slice(0, 1)) is None


def test_more_parts_than_an_engine_allows_are_not_split() -> None:
    assert combined(Slice(1, 64), Slice(1, 16), Slice(3, 16)) == Slice(17, MAX_PARTS)
