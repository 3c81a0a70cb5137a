"""The counts behind the figures: addition, JSON, distinct rows and twins."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from benchmarks.training.measure import FALSE_POSITIVE_RATES, novelty_histogram, read_off
from benchmarks.training.tallies import PARTS, from_json, to_json
from contract.errors import InputError
from tests.unit.training.evaluation.test_evaluate import ANSWERS, CONTRACT, NAMES, ROWS, predictions, records
from training.data.duplicates import has_twin
from training.data.records import Records
from training.evaluation.detail import (
    curves,
    detail,
    twins_of_normal,
)
from training.evaluation.evaluate import Predictions, judge
from training.evaluation.tally import Tally, figures, tally


def count(rows: Records, answers: Predictions) -> Tally:
    return tally(rows, answers.probabilities, judge(answers, CONTRACT), CONTRACT)


def with_values(*values: float, labels: str) -> Records:
    """A record for each letter (n normal, m mailbomb) with this value in every number."""
    names = [{"n": "normal", "m": "mailbomb"}[letter] for letter in labels]
    rows = records(*((name, 2) for name in names))
    return dataclasses.replace(rows, numeric=np.array(values, np.float32)[:, None] * np.ones((1, 38), np.float32))


def test_outcomes_of_normal_and_of_attack_rows_by_hand() -> None:
    """Rows, alerts, flagged."""
    found = count(ROWS, ANSWERS)
    assert found.normal.tolist() == [10, 2, 4]
    assert found.attack.tolist() == [14, 11, 14]


def test_a_tally_survives_json() -> None:
    """The sums of probabilities too, to the last digit."""
    answers = predictions(*[("normal", probability, 0.3) for probability in np.linspace(0.51, 0.99, 7)])
    found = count(ROWS, answers)
    again = from_json(json.loads(json.dumps(to_json(found))))
    assert all(np.array_equal(getattr(found, part), getattr(again, part)) for part in PARTS)


def test_distinct_figures_count_each_record_once() -> None:
    """Seven records, whatever their counts."""
    found = detail(ROWS, ANSWERS, CONTRACT, np.zeros(len(ROWS), bool))["distinct"]
    assert found["rows"] == 7
    assert found["normal_flag_rate"] == pytest.approx(2 / 3)
    assert found["unseen"]["mailbomb"]["rows"] == 2


def test_classes_have_support_precision_recall_and_f1() -> None:
    """For a class that neither occurs nor was predicted, the three are None."""
    found = detail(ROWS, ANSWERS, CONTRACT, np.zeros(len(ROWS), bool))
    assert [row["name"] for row in found["by_label"]] == NAMES
    by_name = {row["name"]: row for row in found["by_label"]}
    normal = {
        "name": "normal",
        "support": 10,
        "called": 8,
        "precision": 1.0,
        "recall": 0.8,
        "f1": pytest.approx(16 / 18),
    }
    assert by_name["normal"] == normal
    assert [by_name["spy"][key] for key in ("precision", "recall", "f1")] == [None] * 3
    probe = next(row for row in found["by_family"] if row["name"] == "probe")
    assert (probe["support"], probe["called"]) == (2, 7)


def test_a_row_that_equals_a_normal_one_is_not_separable() -> None:
    """Of the file itself or of training; the words count too."""
    rows = with_values(1, 2, 3, 1, labels="nmmm")
    assert twins_of_normal(rows).tolist() == [True, False, False, True]
    training = with_values(2, 3, labels="nm")
    assert twins_of_normal(rows, training).tolist() == [True, True, False, True]
    other_word = dataclasses.replace(rows, categorical=np.full((4, 3), "udp"))
    assert not has_twin(rows, other_word, rows.columns).any()
    answers = predictions(("normal", 1.0, 0.0), ("normal", 1.0, 0.9), ("normal", 1.0, 0.1), ("normal", 1.0, 0.9))
    found = detail(rows, answers, CONTRACT, twins_of_normal(rows))
    assert found["unseen_separable"] == {"mailbomb": {"rows": 4, "flagged": 2}}
    assert (found["separable_rows"], found["separable_flagged"], found["macro_flagged"]) == (4, 0.5, 0.5)


def test_the_curve_is_read_off_where_no_more_false_alarms_are_raised() -> None:
    """The best normal row scores above the attack of mailbomb, which is found at 1 false alarm of 2 rows."""
    rows = records(("normal", 1), ("normal", 1), ("neptune", 1), ("mailbomb", 1))
    answers = predictions(("normal", 0.7, 0.0), ("normal", 0.9, 0.0), ("neptune", 0.9, 0.0), ("normal", 0.8, 0.0))
    curve = curves(rows, answers, CONTRACT)["attack_probability"]
    rates = dict(zip(FALSE_POSITIVE_RATES, read_off(curve), strict=True))
    assert rates[min(rates)] == 0.5
    assert rates[1.0] == 1.0


def test_the_histogram_counts_every_row_once() -> None:
    """Normal, known attacks, unseen attacks."""
    found = novelty_histogram(ROWS, ANSWERS, CONTRACT)
    assert {kind: sum(rows) for kind, rows in found.items()} == {"normal": 10, "known": 10, "unseen": 4}
    assert found["normal"][36] == 2  # novelty 0.9 of 40 bins
    edge = novelty_histogram(records(("normal", 3)), predictions(("normal", 1.0, 1.0)), CONTRACT)
    assert edge["normal"][-1] == 3


def test_a_label_of_another_data_set_is_named() -> None:
    """The figures by family would be wrong."""
    with pytest.raises(InputError, match="that KDD Cup 99 does not have: DDoS"):
        count(records(("DDoS", 1)), predictions(("normal", 1.0, 0.0)))


def test_no_rows_give_no_figures() -> None:
    """NaN, which becomes null, and no error."""
    nothing = ROWS.take(np.zeros(len(ROWS), bool))
    found = figures(count(nothing, Predictions(ANSWERS.probabilities[:0], ANSWERS.novelty[:0])))
    assert np.isnan(found["kdd_cost"])
    assert np.isnan(found["normal_flag_rate"])
