"""The likeliest labels as words: written, read back, and read from documents of an older version."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.documents.top_labels import Likely, as_word, from_stored


def test_a_word_names_the_label_and_its_probability() -> None:
    assert as_word("neptune", 0.93149) == "neptune 0.931"


@given(label=st.text(min_size=1), probability=st.floats(0, 1))
def test_a_word_is_read_back_unchanged(label: str, probability: float) -> None:
    """For any text of a label, including blanks."""
    read = from_stored(as_word(label, probability))
    assert read is not None
    assert read.label == label
    assert read.probability == pytest.approx(probability, abs=5e-4)


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        ({"label": "neptune", "probability": 0.98}, Likely("neptune", 0.98)),
        ({"label": "neptune"}, Likely("neptune", None)),
        ({"label": ["neptune"], "probability": 0.98}, None),
        ("neptune", None),
        (" 0.5", None),
        ("neptune nan", None),
        (0.5, None),
        (None, None),
    ],
)
def test_a_stored_value_is_a_word_an_object_or_missing(stored: Any, expected: Likely | None) -> None:
    """Older versions stored objects."""
    assert from_stored(stored) == expected
