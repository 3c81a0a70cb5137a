"""The figures, compared with scikit-learn if it has them, else with numbers computed by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, precision_recall_fscore_support, roc_auc_score, roc_curve

from training.evaluation import score

RNG = np.random.default_rng(0)
TRUTH = RNG.integers(0, 6, 400)
PREDICTED = np.where(RNG.random(400) < 0.7, TRUTH, RNG.integers(0, 5, 400))
WEIGHTS = RNG.integers(1, 9, 400)


def test_accuracy_precision_recall_and_f1_are_those_of_scikit_learn() -> None:
    """Weighted rows, with a class that is never predicted on some of them."""
    matrix = score.confusion(TRUTH, PREDICTED, 6, WEIGHTS)
    precision, recall, f1, _ = precision_recall_fscore_support(
        TRUTH, PREDICTED, sample_weight=WEIGHTS, zero_division=np.nan
    )
    assert score.accuracy(matrix) == pytest.approx(accuracy_score(TRUTH, PREDICTED, sample_weight=WEIGHTS))
    assert score.precision(matrix) == pytest.approx(precision, nan_ok=True)
    assert score.recall(matrix) == pytest.approx(recall)
    assert score.f1(matrix) == pytest.approx(f1)
    assert matrix.sum() == WEIGHTS.sum()


def test_macro_f1_leaves_out_a_class_that_neither_is_nor_was_called() -> None:
    """As scikit-learn does without a list of labels; a class that was only predicted counts as 0."""
    truth, predicted = np.array([0, 0, 1, 1]), np.array([0, 2, 1, 1])
    matrix = score.confusion(truth, predicted, 5, np.ones(4))
    assert score.macro_f1(matrix) == pytest.approx(f1_score(truth, predicted, average="macro", zero_division=0))
    assert np.isnan(score.f1(matrix)[3])


def test_a_weight_is_worth_as_many_rows() -> None:
    """Counting distinct records must give what counting rows gives."""
    repeated = score.confusion(np.repeat(TRUTH, WEIGHTS), np.repeat(PREDICTED, WEIGHTS), 6, np.ones(WEIGHTS.sum()))
    assert np.array_equal(score.confusion(TRUTH, PREDICTED, 6, WEIGHTS), repeated)


def test_the_cost_of_the_contest_by_hand() -> None:
    """r2l taken for normal costs 4, normal for probe 1, u2r for normal 3, dos for probe 1, right ones 0."""
    truth, predicted = np.array([4, 0, 3, 2, 1, 0]), np.array([0, 1, 0, 1, 1, 0])
    assert score.mean_cost(score.confusion(truth, predicted, 5, np.ones(6))) == pytest.approx((4 + 1 + 3 + 1) / 6)
    assert np.diag(score.COST).tolist() == [0] * 5


def test_the_calibration_error_by_hand() -> None:
    """Four answers at 0.9, two of them right: 0.4 apart, weighted by their rows together with one perfect bin."""
    probabilities = np.array([[0.9, 0.1]] * 4 + [[1.0, 0.0]] * 4)
    truth = np.array([0, 0, 1, -1, 0, 0, 0, 0])
    even, uneven = (score.reliability(probabilities, truth, np.repeat(rows, 4)) for rows in ([1, 1], [1, 3]))
    assert score.calibration_error(even) == pytest.approx(0.2)
    assert score.calibration_error(uneven) == pytest.approx(0.1)
    assert even[:, 13].tolist() == pytest.approx([4, 3.6, 2])
    assert even[:, 14].tolist() == [4, 4, 4]


def test_the_roc_curve_and_its_area_are_those_of_scikit_learn() -> None:
    """Weighted, with many equal scores."""
    scores = np.round(RNG.random(400) + 0.3 * (TRUTH == 2), 1)
    false, true = score.roc(scores, TRUTH == 2, WEIGHTS)
    expected = roc_curve(TRUTH == 2, scores, sample_weight=WEIGHTS, drop_intermediate=False)
    assert false == pytest.approx(expected[0])
    assert true == pytest.approx(expected[1])
    area = roc_auc_score(TRUTH == 2, scores, sample_weight=WEIGHTS)
    assert score.area_under((false, true)) == pytest.approx(area)


def test_the_area_by_hand() -> None:
    """Pairs of a positive and a negative that are in order, a tie counting half; no number without both sides."""
    curve = score.roc(np.array([0.9, 0.5, 0.5, 0.1]), np.array([True, False, True, False]), np.ones(4))
    assert score.area_under(curve) == pytest.approx(3.5 / 4)
    curve = score.roc(np.array([0.5, 0.9, 0.5, 0.1]), np.array([True, False, False, True]), np.ones(4))
    assert score.area_under(curve) == pytest.approx(0.5 / 4)
    assert np.isnan(score.area_under(score.roc(np.ones(2), np.zeros(2, bool), np.ones(2))))
    assert np.isnan(score.area_under(score.roc(np.array([]), np.array([], bool), np.array([]))))


def test_no_rows_give_no_number() -> None:
    """Not zero, which would look like a result."""
    empty = score.confusion(np.array([], int), np.array([], int), 3, np.array([]))
    assert np.isnan(score.accuracy(empty))
    assert np.isnan(score.macro_f1(empty))
