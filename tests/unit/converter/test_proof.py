"""The evaluation of a model against the truth, compared with guessing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn import metrics

from common.tables.batch import Batch
from contract.artifact.contract import Feature, Label, ModelContract, ScoreOutput
from contract.errors import ConversionError, InputError
from converter.proof.expected import read_expected
from converter.proof.figures import prove, require
from converter.proof.labelled_rows import LabelledRows, labelled_rows
from converter.rows import made_from

FEATURES = (
    Feature("depth", "river.depth", "float"),
    Feature("colour", "river.colour", "string", ("green", "red")),
    Feature("hour", "river.seen", "float", reads="hour", missing="value", missing_value=12.0),
)
LABELS = (Label("calm", "calm", 0), Label("flood_", "danger", 50), Label("dry", "danger", 50))
RIVERS = ModelContract("rivers", FEATURES, LABELS, ("calm", "danger"), training={"label_words": {"flood_": "flood!"}})
RNG = np.random.default_rng(3)


def labelled(truth: list[Any]) -> LabelledRows:
    n = len(truth)
    columns: dict[str, list[Any]] = {"depth": ["1"] * n, "Colour": ["red"] * n, "seen": [""] * n, "truth": truth}
    return labelled_rows([Batch(1, n, columns)], RIVERS, label="truth")


def test_rows_are_read_with_the_contract_and_bad_ones_are_counted() -> None:
    columns: dict[str, list[Any]] = {
        "depth": ["1.5", "x", "3", "4"],
        "COLOUR": [" red", "red", "", "blue"],
        "seen": ["2026-03-04T05:06:07Z", "", "", None],
        "truth": ["calm", "dry", "dry", "flood!"],
    }
    found = labelled_rows([Batch(1, 4, columns), Batch(5, 1, {}, {0: "the row has 2 columns"})], RIVERS, label="truth")
    assert found.rows.numeric.tolist() == [[1.5, 5.0], [4.0, 12.0]]
    assert found.rows.categorical.tolist() == [["red"], ["blue"]]
    assert (found.truth, found.numbers, found.refused) == (["calm", "flood!"], [1, 4], 3)
    assert found.why.startswith("row 2: field 'river.depth' is 'x', expected a number")


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({"depth": ["1"]}, "no column colour; expected a column for each of the 3 features"),
        ({"depth": ["1"], "colour": ["red"]}, "no column 'truth' for the truth"),
        (
            {"depth": ["x"], "colour": ["red"], "truth": ["calm"]},
            "no row can be read as the contract says (row 1: field",
        ),
    ],
)
def test_rows_that_do_not_fit_are_refused(columns: dict[str, list[str]], says: str) -> None:
    with pytest.raises(InputError) as refused:
        labelled_rows([Batch(1, 1, columns)], RIVERS, label="truth")
    assert says in str(refused.value)


def test_the_figures_are_those_of_scikit_learn() -> None:
    truth = RNG.integers(0, 3, 400)
    found = np.where(RNG.random(400) < 0.7, truth, RNG.integers(0, 3, 400))
    words = [["calm", "flood!", "dry"][place] for place in truth]
    proof = prove({"probabilities": np.eye(3, dtype=np.float32)[found]}, RIVERS, labelled(words))
    assert proof.figures["accuracy"] == pytest.approx(metrics.accuracy_score(truth, found), abs=1e-4)
    assert proof.figures["macro_f1"] == pytest.approx(metrics.f1_score(truth, found, average="macro"), abs=1e-4)
    assert proof.figures["confusion"]["dry"]["calm"] == int(((truth == 2) & (found == 0)).sum())
    guess = np.full(400, np.bincount(truth).argmax())
    assert proof.figures["guessing_macro_f1"] == pytest.approx(
        metrics.f1_score(truth, guess, average="macro"), abs=1e-4
    )
    require(proof, expected_accuracy=proof.figures["accuracy"] + 0.01)
    with pytest.raises(ConversionError, match=r"accuracy is 0\.\d+, and you expect 0\.99"):
        require(proof, expected_accuracy=0.99)


def test_values_have_error_and_r2() -> None:
    truth = RNG.normal(size=300)
    found = (truth + RNG.normal(scale=0.3, size=300)).astype(np.float32)
    number = replace(RIVERS, task="regression", labels=LABELS[:2])
    proof = prove({"value": found}, number, labelled([f"{value}" for value in truth]))
    assert proof.figures["r2"] == pytest.approx(metrics.r2_score(truth, found), abs=1e-4)
    assert proof.figures["mean_absolute_error"] == pytest.approx(metrics.mean_absolute_error(truth, found), abs=1e-4)
    require(proof)
    with pytest.raises(ConversionError, match="no more than guessing: r2 -"):
        require(prove({"value": -found}, number, labelled([f"{value}" for value in truth])))
    with pytest.raises(InputError, match="row 2: the truth 'high' is no number"):
        prove({"value": found[:2]}, number, labelled(["1", "high"]))


@pytest.mark.parametrize("alerts", ["above", "below"])
def test_scores_have_their_auc(alerts: Any) -> None:
    odd = RNG.random(300) < 0.2
    score = np.round(RNG.normal(size=300) + 2 * odd, 1).astype(np.float32)
    score = score if alerts == "above" else -score
    threshold = 1.5 if alerts == "above" else -1.5
    detector = replace(RIVERS, task="anomaly", labels=LABELS[:2], score=ScoreOutput(threshold, alerts=alerts))
    proof = prove({"score": score}, detector, labelled(["attack" if each else "normal" for each in odd]))
    expected = metrics.roc_auc_score(odd, score if alerts == "above" else -score)
    assert proof.figures["roc_auc"] == pytest.approx(expected, abs=1e-4)
    above = score > 1.5 if alerts == "above" else score < -1.5
    assert proof.figures["found"] == pytest.approx(above[odd].mean(), abs=1e-4)
    with pytest.raises(InputError, match="all rows have the same truth"):
        prove({"score": score[:2]}, detector, labelled(["normal", "0"]))


def test_labels_in_another_order_are_no_better_than_guessing() -> None:
    """The evaluation exists to detect this."""
    truth = [["calm", "flood!", "dry"][place % 3] for place in range(90)]
    shifted = np.eye(3, dtype=np.float32)[[(place + 1) % 3 for place in range(90)]]
    with pytest.raises(
        ConversionError,
        match=r"no more than guessing: macro f1 0\.0, guessing 0\.1667; with the labels in the order dry, calm, flood_ "
        "the accuracy is 1.0: write them so",
    ):
        require(prove({"probabilities": shifted}, RIVERS, labelled(truth)))


def test_two_swapped_labels_are_named_although_the_rest_beats_guessing() -> None:
    """Most rows are calm and right, so accuracy and macro-F1 alone would pass."""
    truth = ["calm"] * 70 + ["flood!"] * 20 + ["dry"] * 10
    swapped = np.eye(3, dtype=np.float32)[[0] * 70 + [2] * 20 + [1] * 10]
    proof = prove({"probabilities": swapped}, RIVERS, labelled(truth))
    assert proof.beats_guessing
    with pytest.raises(ConversionError, match=r"accuracy is 0\.7, and with the labels in the order calm, dry, flood_ "):
        require(proof)


def test_a_truth_that_is_no_label_is_named() -> None:
    with pytest.raises(InputError, match="row 2: the truth 'storm' is no label of the contract; there are 'calm'"):
        prove({"probabilities": np.eye(3, dtype=np.float32)[:2]}, RIVERS, labelled(["calm", "storm"]))


def test_expected_outputs_whose_later_rows_lack_a_column_are_refused() -> None:
    """The column would be shorter, so outputs would be compared with those of other rows."""
    rows = LabelledRows(made_from(RIVERS).part(0, 4), None, [1, 2, 3, 4], 0, "")
    names = [label.name for label in RIVERS.labels]
    first = Batch(1, 2, {name: [0.5, 0.5] for name in names})
    later = Batch(3, 2, {name: [0.5, 0.5] for name in names[:-1]})
    with pytest.raises(InputError, match="row 3 of the expected outputs has other columns than row 1"):
        read_expected([first, later], RIVERS, rows)
