"""Constants of the graph, and codes of words."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from contract.kdd99.columns import NUMERIC
from tests.unit.training.samples import lines, write
from training.data.encoding import LOGARITHMIC, UNSEEN, codes, logarithm, measure
from training.data.records import read


def test_scaled_training_values_have_mean_zero_and_variance_one(tmp_path: Path) -> None:
    """And a column that never changes is divided by 1, not by 0."""
    records, _ = read(write(tmp_path / "data.csv", lines(500)))
    encoding = measure(records)
    scaled = (logarithm(records.numeric.astype(float), NUMERIC) - encoding.mean) / np.sqrt(encoding.variance)
    assert np.abs(scaled.mean(axis=0)).max() < 1e-9
    constant = NUMERIC.index("num_outbound_cmds")
    assert encoding.variance[constant] == 1.0
    changing = records.numeric.std(axis=0) > 0
    assert np.allclose(scaled.std(axis=0)[changing], 1)


def test_only_counts_and_bytes_go_through_the_logarithm() -> None:
    """Rates stay as they are; a negative count is treated as 0."""
    values = np.full((2, 38), 0.5)
    values[1] = -3.0
    result = logarithm(values, NUMERIC)
    place = [NUMERIC.index(name) for name in LOGARITHMIC]
    assert np.allclose(result[0, place], np.log(1.5))
    assert (result[1, place] == 0).all()
    rates = [index for index in range(38) if index not in place]
    assert np.array_equal(result[:, rates], values[:, rates])


def test_a_word_has_its_place_plus_one_and_any_other_has_zero() -> None:
    """Before, between and after the known words."""
    vocabularies = (("icmp", "tcp", "udp"), ("http",))
    words = np.array([["tcp", "http"], ["aaa", "httpp"], ["tcq", ""], ["zzz", "HTTP"], ["udp", "http"]])
    assert codes(words, vocabularies).tolist() == [[2, 1], [0, 0], [0, 0], [0, 0], [3, 1]]
    assert UNSEEN == 0
