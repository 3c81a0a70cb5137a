"""Laws of the counts: pooling is joining, a weight is a repetition, and only a right answer costs nothing."""

from __future__ import annotations

import dataclasses

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.training.tallies import PARTS, total
from contract.kdd99.columns import FAMILIES, TEST_ONLY_FAMILIES
from tests.unit.training.evaluation.test_evaluate import CONTRACT, NAMES, records
from training.data.records import Records
from training.evaluation.evaluate import Predictions, judge
from training.evaluation.tally import Tally, families, figures, tally

LABELS = [*NAMES, *TEST_ONLY_FAMILIES]
ROW = st.tuples(st.sampled_from(LABELS), st.integers(1, 5), st.integers(0, 2**32 - 1))


@st.composite
def answered(draw: st.DrawFn) -> tuple[Records, Predictions]:
    """Some records with any answers, among them quite sure ones."""
    rows = draw(st.lists(ROW, min_size=1, max_size=12))
    logits = np.stack([np.random.default_rng(seed).normal(0, 6, len(NAMES)) for *_, seed in rows])
    shares = np.exp(logits)
    probabilities = (shares / shares.sum(axis=1, keepdims=True)).astype(np.float32)
    novelty = np.array([seed % 101 / 100 for *_, seed in rows], np.float32)
    return records(*((label, count) for label, count, _ in rows)), Predictions(probabilities, novelty)


def count(rows: Records, answers: Predictions) -> Tally:
    return tally(rows, answers.probabilities, judge(answers, CONTRACT), CONTRACT)


def same(one: Tally, other: Tally) -> bool:
    return all(np.allclose(getattr(one, part), getattr(other, part), rtol=1e-12) for part in PARTS)


@settings(max_examples=40, deadline=None)
@given(answered(), st.integers(0, 12))
def test_the_sum_of_two_tallies_is_the_tally_of_both_joined(case: tuple[Records, Predictions], cut: int) -> None:
    """So pooled figures over folds are those of all held-out rows."""
    rows, answers = case
    first = np.arange(len(rows)) < cut
    parts = [
        count(rows.take(side), Predictions(answers.probabilities[side], answers.novelty[side]))
        for side in (first, ~first)
    ]
    assert same(total(parts), count(rows, answers))


@settings(max_examples=40, deadline=None)
@given(answered())
def test_a_record_with_a_count_is_that_many_rows(case: tuple[Records, Predictions]) -> None:
    """Reading each distinct line once loses nothing."""
    rows, answers = case
    each = np.repeat(np.arange(len(rows)), rows.counts)
    repeated = dataclasses.replace(rows.take(each), counts=np.ones(len(each), np.int64))
    assert same(count(rows, answers), count(repeated, Predictions(answers.probabilities[each], answers.novelty[each])))


@settings(max_examples=60, deadline=None)
@given(answered())
def test_the_cost_is_zero_if_and_only_if_every_family_is_right(case: tuple[Records, Predictions]) -> None:
    """And never above 4, the dearest mistake."""
    rows, answers = case
    found = figures(count(rows, answers))
    right = (judge(answers, CONTRACT).family == families(rows.labels, CONTRACT)).all()
    assert CONTRACT.families == FAMILIES
    assert (found["kdd_cost"] == 0) == right == (found["family_accuracy"] == 1)
    assert 0 <= found["kdd_cost"] <= 4


@settings(max_examples=40, deadline=None)
@given(answered())
def test_rates_are_between_0_and_1_and_what_alerts_is_flagged(case: tuple[Records, Predictions]) -> None:
    """An unknown only adds to the alerts."""
    found = figures(count(*case))
    for side in ("normal", "attack"):
        alert, flag = found[f"{side}_alert_rate"], found[f"{side}_flag_rate"]
        assert np.isnan(alert) or 0 <= alert <= flag <= 1
    assert 0 <= found["ece_family"] <= 1
