"""A profile describes the distribution of the normal rows in a column, so a shift of the traffic shows in its bins."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from contract.artifact.rules import profile_problems
from contract.artifact.statistics import PARTS, profile


def of(values: list[float], counts: list[int], seen: list[float] | None = None) -> tuple[list[float], list[float]]:
    """Edges and shares as plain numbers."""
    edges, shares = profile(
        np.array(values, np.float32), np.array(counts, np.int64), seen=np.array(seen or values, np.float32)
    )
    return edges.tolist(), list(shares)


def test_the_commonest_value_has_its_own_bin() -> None:
    """0 in 95 rows of 100: one bin has only that value. Each of the other five rows gets a bin of 1 % of all rows."""
    edges, shares = of([0, 10, 20, 30, 40, 50], [95, 1, 1, 1, 1, 1])
    assert edges == [0, 10, 20, 30, 40]
    assert shares == [0.95, 0.01, 0.01, 0.01, 0.01, 0.01]


def test_a_common_value_in_the_middle_is_closed_on_both_sides() -> None:
    """(1, 2] contains only 2, because 1 is the next smaller value in all of training."""
    edges, shares = of([0, 2, 3], [1, 98, 1], seen=[0, 1, 2, 3, 9])
    assert edges == [0, 1, 2]
    assert shares == [0.01, 0.0, 0.98, 0.01]


def test_repetitions_count_as_rows() -> None:
    """A share of connections, not of distinct vectors."""
    assert of([1, 5], [1, 3])[1] == of([1, 5, 5, 5], [1, 1, 1, 1])[1]


@pytest.mark.parametrize("value", [0.0, 7.5])
def test_a_column_that_never_changes_has_one_edge(value: float) -> None:
    """Any larger value is new."""
    assert of([value], [50]) == ([value], [1.0, 0.0])


@pytest.mark.parametrize("seed", range(5))
def test_any_column_gives_a_profile_that_the_contract_accepts(seed: int) -> None:
    """With few values and with many, skewed and not."""
    random = np.random.default_rng(seed)
    values: NDArray[np.float32] = random.lognormal(2, 2, 400).round(random.integers(0, 4)).astype(np.float32)
    edges, shares = profile(values, random.integers(1, 9, 400), seen=values)
    assert len(edges) <= PARTS + 1
    assert profile_problems(edges.tolist(), shares, tolerance=1e-4) == []
