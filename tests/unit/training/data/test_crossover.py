"""Mixed vectors: every value occurs in training, but the combination does not."""

from __future__ import annotations

import numpy as np

from training.data.crossover import BLUR, SHARES, blurred, crossover

RNG = np.random.default_rng(0)
NUMERIC = np.arange(4_000 * 38, dtype=np.float32).reshape(4_000, 38)
CODES = np.arange(4_000 * 3, dtype=np.int32).reshape(4_000, 3)
NORMAL = np.arange(4_000) < 3_000


def test_each_mixed_vector_has_values_of_a_normal_one_and_of_one_other_in_their_columns() -> None:
    """All values here are different, so each shows which vector it comes from."""
    numeric, codes = crossover(NUMERIC, CODES, NORMAL, RNG)
    origins = np.concatenate([numeric // 38, codes // 3], axis=1).astype(int)
    assert all(len(set(row)) == 2 for row in origins.tolist())
    assert (np.sort(origins, axis=1)[:, 20] >= 0).all()
    assert np.array_equal(numeric % 38, np.broadcast_to(np.arange(38), numeric.shape))
    most = np.array([np.bincount(row).argmax() for row in origins])
    assert NORMAL[most].mean() > 0.95


def test_the_share_of_exchanged_columns_is_spread_between_its_bounds() -> None:
    """Few exchanged columns are hard to recognise, half of the columns are easy. The detector needs both."""
    numeric, codes = crossover(NUMERIC, CODES, NORMAL, RNG)
    origins = np.concatenate([numeric // 38, codes // 3], axis=1).astype(int)
    exchanged = np.array([1 - np.bincount(row).max() / 41 for row in origins])
    assert exchanged.min() < 0.06
    assert abs(exchanged.mean() - np.mean(SHARES)) < 0.03


def test_vectors_that_came_out_unchanged_are_left_out() -> None:
    """A copy of a real vector that is labelled as mixed would be a wrong example."""
    same = np.ones((500, 38), np.float32)
    numeric, codes = crossover(same, np.ones((500, 3), np.int32), np.ones(500, bool), RNG)
    assert len(numeric) == len(codes) == 0


def test_a_blurred_attack_keeps_most_of_its_own_values_and_takes_the_others_from_one_normal_vector() -> None:
    """So its label is still true."""
    attack, normal = np.flatnonzero(~NORMAL), np.flatnonzero(NORMAL)
    numeric, codes = blurred(NUMERIC, CODES, attack, normal, RNG)
    origins = np.concatenate([numeric // 38, codes // 3], axis=1).astype(int)
    own = origins == attack[:, None]
    assert len(numeric) == len(attack)
    assert np.isin(origins[~own], normal).all()
    assert all(len(set(row)) <= 2 for row in origins.tolist())
    assert abs((1 - own.mean(axis=1)).mean() - BLUR / 2) < 0.02
    assert own.mean(axis=1).min() > 0.4


def test_without_normal_vectors_attacks_stay_as_they_are() -> None:
    """There is nothing to take from."""
    attack = np.arange(5)
    numeric, codes = blurred(NUMERIC, CODES, attack, np.array([], int), RNG)
    assert np.array_equal(numeric, NUMERIC[:5])
    assert np.array_equal(codes, CODES[:5])
