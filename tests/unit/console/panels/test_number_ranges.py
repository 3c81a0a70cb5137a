"""Ranges of a histogram at round numbers."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.panels.number_ranges import RANGES, edges

NUMBERS = st.floats(-1e30, 1e30, allow_nan=False)


@pytest.mark.parametrize(
    ("low", "high", "first", "last", "step"),
    [(101.6, 1029.7, 100, 1050, 50), (0.0, 0.39, 0, 0.4, 0.02), (-7.9, -1.2, -8, -1.0, 0.5), (3.0, 3.0, 3.0, 3.5, 0.5)],
)
def test_edges_are_round(low: float, high: float, first: float, last: float, step: float) -> None:
    found = edges(low, high)
    assert [found[0], found[-1]] == pytest.approx([first, last])
    assert found[1] - found[0] == pytest.approx(step)


@given(one=NUMBERS, other=NUMBERS)
def test_every_value_is_in_a_range_and_there_are_not_many(one: float, other: float) -> None:
    """For any numbers."""
    low, high = min(one, other), max(one, other)
    found = edges(low, high)
    assert found[0] <= low
    assert high < found[-1]
    assert all(left < right for left, right in pairwise(found))
    assert 2 <= len(found) <= 2 * RANGES + 4
