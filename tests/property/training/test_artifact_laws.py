"""Laws of the shipped artifact, for any input that a document may hold."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from common.settings.shared import DEFAULT_MODEL
from contract.kdd99.columns import CATEGORICAL, NUMERIC
from training.data.records import Records
from training.evaluation.evaluate import open_artifact, predict

SESSION, CONTRACT = open_artifact(DEFAULT_MODEL)
KNOWN = [st.sampled_from(feature.vocabulary) for feature in CONTRACT.categorical]
NUMBERS = st.lists(
    st.one_of(st.just(0.0), st.floats(0, 1, width=32), st.floats(width=32, allow_nan=False, allow_infinity=False)),
    min_size=len(NUMERIC),
    max_size=len(NUMERIC),
)
WORDS = st.tuples(*(st.one_of(known, st.text(max_size=20).filter(lambda word: "\0" not in word)) for known in KNOWN))
ROWS = st.lists(st.tuples(NUMBERS, WORDS), min_size=1, max_size=5)


def records(rows: list[tuple[list[float], tuple[str, ...]]]) -> Records:
    numeric = np.array([numbers for numbers, _ in rows], np.float32)
    words = np.array([words for _, words in rows]).astype(np.str_).reshape(len(rows), len(CATEGORICAL))
    return Records(numeric, words, np.full(len(rows), "normal"), np.ones(len(rows), np.int64))


@given(ROWS)
@settings(max_examples=150, deadline=None)
def test_any_finite_numbers_and_any_words_give_probabilities_and_a_novelty(
    rows: list[tuple[list[float], tuple[str, ...]]],
) -> None:
    """Never NaN, never beyond 0 to 1: a damaged sensor may not damage a document."""
    found = predict(SESSION, CONTRACT, records(rows))
    assert np.isfinite(found.probabilities).all()
    assert np.allclose(found.probabilities.sum(axis=1), 1, atol=1e-5)
    assert ((found.novelty >= 0) & (found.novelty <= 1)).all()


@given(ROWS)
@settings(max_examples=60, deadline=None)
def test_a_batch_equals_its_rows(rows: list[tuple[list[float], tuple[str, ...]]]) -> None:
    """And their order does not matter."""
    whole = records(rows)
    together = predict(SESSION, CONTRACT, whole.take(np.arange(len(rows))[::-1]))
    for index in range(len(rows)):
        alone = predict(SESSION, CONTRACT, whole.take(np.array([index])))
        assert np.allclose(alone.probabilities[0], together.probabilities[len(rows) - 1 - index], atol=1e-5)
        assert np.allclose(alone.novelty[0], together.novelty[len(rows) - 1 - index], atol=1e-5)


@given(ROWS, st.text(min_size=1, max_size=20).filter(lambda word: "\0" not in word and word.strip() == word))
@settings(max_examples=60, deadline=None)
def test_all_words_that_no_vocabulary_has_are_one_word(
    rows: list[tuple[list[float], tuple[str, ...]]], word: str
) -> None:
    """The bucket of unseen words does not depend on which word it is."""
    if any(word in feature.vocabulary for feature in CONTRACT.categorical):
        return
    first = records([(numbers, (word, word, word)) for numbers, _ in rows])
    other = records([(numbers, ("never-seen",) * 3) for numbers, _ in rows])
    assert np.array_equal(
        predict(SESSION, CONTRACT, first).probabilities, predict(SESSION, CONTRACT, other).probabilities
    )
