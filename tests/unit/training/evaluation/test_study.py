"""The summary of several trainings: pooled, averaged and compared with the goals."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pytest

from benchmarks.training import study
from benchmarks.training.goals import GOALS, Goal, anchor_rows, goal_rows
from benchmarks.training.measure import measure_held_out, measure_test
from benchmarks.training.provenance import code_digest
from tests.unit.training.evaluation.test_evaluate import ANSWERS, CONTRACT, ROWS, predictions, records
from training.evaluation.evaluate import evaluate

NO_TWINS = np.zeros(len(ROWS), bool)
KNOWN = ROWS.take(ROWS.labels != "mailbomb")
ALL_RIGHT = predictions(*[(str(label), 1.0, 0.0) for label in KNOWN.labels])
SOME_WRONG = predictions(*[(("satan", "normal")[label == "satan"], 1.0, 0.0) for label in KNOWN.labels])
VECTORS = {"normal": 30, "neptune": 20, "satan": 5}
ABOUT = {"vectors_of": VECTORS, "planned": ["seed-0", "fold-0", "seed-1", "fold-1"]}


def result(held_out: Any, seconds: float = 10.0) -> dict[str, Any]:
    return {
        "seconds": seconds,
        "held_out": measure_held_out(KNOWN, held_out, CONTRACT),
        "test": measure_test(ROWS, ANSWERS, CONTRACT, NO_TWINS),
    }


def goal(figure: str, where: str) -> int:
    return next(index for index, goal in enumerate(GOALS) if (goal.figure, goal.where) == (figure, where))


def test_held_out_figures_are_pooled_over_folds_and_their_spread_is_that_of_the_folds() -> None:
    """Two folds of five vectors each, one all right and one all wrong: half of ten."""
    found = study.summary({"fold-0": result(ALL_RIGHT), "fold-1": result(SOME_WRONG)}, CONTRACT, ABOUT)
    accuracy = found["goals"][goal("accuracy_23", "held_out")]
    assert (accuracy["n"], accuracy["mean"], accuracy["min"], accuracy["max"]) == (2, 0.5, 0.0, 1.0)
    assert accuracy["sd"] == pytest.approx(np.std([0, 1], ddof=1))
    assert found["held_out"]["folds"] == 2
    assert found["held_out"]["vectors"] == 10
    assert np.array(found["held_out"]["confusion"]).sum() == 10
    assert found["test"] is None


def test_the_recall_of_labels_that_are_not_rare_leaves_the_others_out() -> None:
    """Normal and neptune have 19 vectors or more, satan has not: it is wrong here and does not count."""
    answers = predictions(*[(("normal", str(label))[label != "satan"], 1.0, 0.0) for label in KNOWN.labels])
    found = study.summary({"fold-0": result(answers)}, CONTRACT, ABOUT)
    assert found["goals"][goal("macro_recall_common", "held_out")]["mean"] == 1.0
    assert found["goals"][goal("accuracy_23", "held_out")]["mean"] == 0.8


def test_figures_on_the_test_file_are_those_of_evaluate_with_mean_and_spread_over_seeds() -> None:
    """If all trainings are equal, the mean is their value and the deviation is 0."""
    found = study.summary({"seed-0": result(ALL_RIGHT, 8.0), "seed-1": result(ALL_RIGHT, 12.0)}, CONTRACT, ABOUT)
    figures = evaluate(ROWS, ANSWERS, CONTRACT)
    for key in ("kdd_cost", "family_accuracy", "normal_alert_rate", "normal_flag_rate", "ece_family"):
        assert found["test"]["figures"][key]["mean"] == pytest.approx(figures[key])
        assert found["test"]["figures"][key]["sd"] == pytest.approx(0)
    assert found["goals"][goal("seconds", "training")]["mean"] == 10.0
    assert found["goals"][goal("separable_flagged", "test")]["mean"] == 1.0
    mailbomb = found["test"]["unseen"][0]
    assert (mailbomb["label"], mailbomb["rows"], mailbomb["separable"]) == ("mailbomb", 4, 4)
    assert mailbomb["called"] == {"normal": 0.75, "back": 0.25}
    assert mailbomb["alerts"]["mean"] == 0.25
    assert found["held_out"] is None


def test_a_study_that_has_just_begun_is_a_table_with_dashes_and_valid_json() -> None:
    """A goal that was not measured is neither met nor missed."""
    found = study.summary({}, CONTRACT, ABOUT)
    assert all(row["meets_must"] is None for row in found["goals"])
    assert {row[-1] for row in goal_rows(found)} == {"-"}
    assert json.loads(study.text(found))["done"] == []


@pytest.mark.parametrize(("value", "reached"), [(0.90, "no"), (0.93, "must"), (0.95, "goal"), (0.97, "goal")])
def test_a_bar_is_reached_by_the_value_itself(value: float, reached: str) -> None:
    """At least, or at most where less is better."""
    high, low = Goal("a", "a", "test", 0.93, 0.95), Goal("a", "a", "test", -0.93, -0.95, higher_is_better=False)
    for goal, signed in ((high, value), (low, -value)):
        assert study.meets(goal, signed, goal.must) is (reached in ("must", "goal"))
        assert study.meets(goal, signed, goal.goal) is (reached == "goal")


def test_the_table_has_a_row_for_each_goal_with_its_bars() -> None:
    """In the order in which they are set."""
    rows = goal_rows(study.summary({"seed-0": result(ALL_RIGHT), "fold-0": result(ALL_RIGHT)}, CONTRACT, ABOUT))
    assert len(rows) == len(GOALS)
    assert rows[0] == (
        GOALS[0].title,
        "held-out vectors (1)",
        "≥ 0.9980",
        "≥ 0.9990",
        "1.0000",
        "1.0000",
        "1.0000",
        "goal",
    )
    cost = rows[goal("kdd_cost", "test")]
    assert cost[2:5] == ("≤ 0.2000", "≤ 0.1600", f"{9 / 24:.4f}")
    assert cost[-1] == "no"


def test_the_naive_model_stands_beside_ours() -> None:
    """Its own held-out rows first, then vectors that its training did not see."""
    naive = {**result(SOME_WRONG), "not_leaked": measure_held_out(KNOWN, SOME_WRONG, CONTRACT)}
    results = {"seed-0": result(ALL_RIGHT), "fold-0": result(ALL_RIGHT), "anchor": naive}
    rows = anchor_rows(study.summary(results, CONTRACT, ABOUT))
    assert rows[0][1:] == ("-", "0.0000")
    assert rows[1][1:] == ("1.0000", "0.0000")
    assert rows[3][0].startswith("KDD Cup cost")


def test_the_text_has_six_decimals_and_a_list_of_numbers_on_one_line() -> None:
    """So a diff is readable."""
    text = study.text({"a": [1, 2.00000049, None], "b": {"c": [[1, 2], [3, 4]]}})
    assert '"a": [1, 2.0, null]' in text
    assert json.loads(text) == {"a": [1, 2.0, None], "b": {"c": [[1, 2], [3, 4]]}}


def test_the_spread_leaves_out_what_is_no_number() -> None:
    """A figure that one training does not have does not count as 0."""
    found = {"n": 2, "mean": 2.0, "min": 1.0, "max": 3.0, "sd": pytest.approx(2**0.5)}
    assert study.spread([1.0, float("nan"), None, 3.0]) == found
    assert study.spread([2.0])["sd"] is None
    assert study.spread([])["mean"] is None


def test_vectors_and_rows_are_counted_apart() -> None:
    """A record that stands for six rows is one vector."""
    found = measure_held_out(
        records(("normal", 6), ("neptune", 1)), predictions(("normal", 1, 0), ("smurf", 1, 0)), CONTRACT
    )
    assert np.array(found["vectors"]["labels"]).sum() == 2
    assert np.array(found["rows"]["labels"]).sum() == 7
    assert dataclasses.is_dataclass(GOALS[0])


def test_the_digest_of_the_code_changes_with_what_is_imported_and_only_with_code() -> None:
    """Two modules have two digests; the order in which they are named does not matter."""
    one, other = "training.evaluation.score", "training.data.split"
    assert code_digest(one) != code_digest(other)
    assert code_digest(other, one) == code_digest(one, other)
    assert code_digest(other) == code_digest(other, "training.data.records")  # the one imports the other
