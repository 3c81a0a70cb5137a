"""Which features are the usual reasons of a label, and which fall of the log-odds is enough."""

from __future__ import annotations

import numpy as np

from contract.occlusion import LEAST_FALL
from converter.usual_reasons import MOST, enough, most_frequent

NONE = -np.inf


def test_the_most_frequent_of_the_heaviest_three_come_first() -> None:
    """A first place counts three times; a fall below the minimum is no reason."""
    falls = np.array([[1.0, 5.0, 2.0, 0.5, 0.0], [1.0, 5.0, NONE, 0.05, 0.0], [9.0, 1.0, NONE, NONE, 0.09]])
    assert most_frequent(falls) == [1, 0, 2]


def test_at_most_the_maximum_number_is_kept() -> None:
    falls = np.eye(MOST + 3) + 1
    assert most_frequent(falls) == list(range(MOST))


def test_no_feature_is_a_usual_reason_if_none_was_tried() -> None:
    assert most_frequent(np.full((5, 3), NONE)) == []


def test_the_sufficient_fall_is_above_every_fall_that_missed_a_heavier_feature() -> None:
    """The second row's heaviest feature is another column; above its fall no row would get a wrong reason."""
    falls = np.array([[4.0, 1.0, 0.0], [2.00001, 1.0, 3.0], [0.5, 1.0, 6.0]])
    fall = enough(falls, [0, 1])
    assert fall == 2.0001


def test_a_fall_that_is_weaker_than_usual_is_not_enough() -> None:
    """None of these rows missed a heavier feature, but another kind of row may."""
    falls = np.array([[fall, 0.0] for fall in (0.5, 3.0, *[5.0] * 98)])
    assert enough(falls, [0]) == 3.0
    assert enough(np.array([[NONE, NONE]]), [0]) == LEAST_FALL


def test_a_missed_feature_that_is_no_reason_changes_nothing() -> None:
    assert enough(np.array([[0.01, 0.05]]), [0]) == LEAST_FALL
