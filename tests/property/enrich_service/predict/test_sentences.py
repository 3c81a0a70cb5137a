"""Law: a sentence about usual values is true for the rows from which the values were counted."""

from __future__ import annotations

import re

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.artifact.contract import Feature
from contract.kdd99.columns import NORMAL
from enrich_service.predict.sentences import number_words, word_words
from training.data.encoding import measure
from training.data.records import Records
from training.report.describe import features

Counted = list[tuple[float, str, int]]
"""Value of `count`, word of `flag`, and number of such rows."""

rows = st.lists(
    st.tuples(
        st.integers(0, 12).map(float) | st.sampled_from([0.25, 511.0, 1000.5]),
        st.sampled_from(["SF", "S0", "REJ", "RSTR"]),
        st.integers(1, 400),
    ),
    min_size=1,
    max_size=30,
)


def described(normal: Counted) -> dict[str, Feature]:
    """The two features as training describes them, from the normal rows and one attack."""
    everything = [*normal, (700.0, "OTH", 5)]
    labels = np.array([NORMAL] * len(normal) + ["neptune"])
    records = Records(
        np.array([[value] for value, _, _ in everything], np.float32),
        np.array([[word] for _, word, _ in everything]),
        labels,
        np.array([count for _, _, count in everything], np.int64),
        ("flag", "count"),
    )
    return {feature.name: feature for feature in features(records, measure(records))}


@settings(deadline=None)
@given(rows, st.integers(0, 12).map(float) | st.sampled_from([0.25, 0.5, 511.0, 700.0, 1e6]))
def test_a_sentence_about_a_number_is_true(normal: Counted, value: float) -> None:
    """`95 % of rows have at most 26` and `most rows have 1` are true; the printed number occurs in the rows."""
    text = number_words(described(normal)["count"], "rows")(value)
    values = np.array([number for number, _, _ in normal])
    weights = np.array([count for _, _, count in normal]) / sum(count for _, _, count in normal)
    if found := re.search(r"; (95 %|half) of rows have at (most|least) (\S+)$", text):
        share, side, usual = found[1], found[2], float(found[3])
        true = values <= usual if side == "most" else values >= usual
        assert weights[np.isclose(values, usual, rtol=1e-3) | true].sum() >= (0.95 if share == "95 %" else 0.5) - 1e-9
        assert value != usual if share == "95 %" else True
    elif found := re.search(r"; (most|at least 90 % of) rows have (\S+)$", text):
        share = weights[np.isclose(values, float(found[2]), rtol=1e-3)].sum()
        assert share >= (0.5 if found[1] == "most" else 0.9) - 1e-9
    else:
        assert text.endswith(", as in at least 90 % of rows"), text
        assert weights[values == value].sum() >= 0.9 - 1e-9


@settings(deadline=None)
@given(rows, st.sampled_from(["SF", "S0", "REJ", "RSTR", "OTH", "other"]))
def test_a_sentence_about_a_word_is_true(normal: Counted, word: str) -> None:
    """The share is that of the rows, rounded to whole percents. "none" means exactly zero rows."""
    text = word_words(described(normal)["flag"], "rows")(word)
    total = sum(count for _, _, count in normal)
    share = sum(count for _, found, count in normal if found == word) / total
    if "none of the rows have it" in text:
        assert share == 0
    elif "fewer than 1 % of rows have it" in text:
        assert 0 < share < 0.01
    else:
        printed = re.search(r"; (\d+) % of rows have it", text)
        assert printed, text
        assert abs(share * 100 - int(printed[1])) <= 1.0
    if most := re.search(r", (\d+) % have (\S+)$", text):
        usual = sum(count for _, found, count in normal if found == most[2]) / total
        assert usual >= 0.5 - 1e-6
        assert abs(usual * 100 - int(most[1])) <= 1.0
