"""The sample of rows: all of them while they fit, then each with the same chance."""

from __future__ import annotations

import numpy as np
import pytest

from oversight.first_hour.sample import Sample


def filled(rows: int, most: int, step: int) -> Sample:
    """A sample of the numbers from 0, which came in parts of `step` rows."""
    sample = Sample(1, 1, most)
    for begin in range(0, rows, step):
        numbers = np.arange(begin, min(begin + step, rows))
        sample.add(numbers.astype(np.float32)[:, None], np.array([[str(n)] for n in numbers], np.object_))
    return sample


def test_everything_is_kept_while_it_fits() -> None:
    """In its order, and numbers and words of a row stay together."""
    sample = filled(7, 10, 3)
    assert sample.seen == 7
    assert sample.numeric[:, 0].tolist() == list(range(7))
    assert sample.words[:, 0].tolist() == [str(n) for n in range(7)]


@pytest.mark.parametrize("step", [1, 7, 1000])
def test_the_parts_in_which_rows_come_change_nothing(step: int) -> None:
    """The same rows give the same sample."""
    sample, whole = filled(1000, 100, step), filled(1000, 100, 64)
    assert (sample.numeric == whole.numeric).all()
    assert sample.words[:, 0].tolist() == [str(int(n)) for n in sample.numeric[:, 0]]


def test_early_and_late_rows_have_the_same_chance() -> None:
    """The mean of a uniform sample of 0 to 9,999 is near 5,000; five standard errors are 456."""
    sample = filled(10_000, 1000, 500)
    assert len(sample.numeric) == len(set(sample.numeric[:, 0].tolist())) == 1000
    assert abs(sample.numeric.mean() - 5000) < 456
