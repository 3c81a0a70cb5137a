"""Figures of a few predictions, which can be computed by hand."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pytest

from contract.artifact.contract import Feature, ModelContract
from contract.errors import InputError
from contract.kdd99.columns import FAMILIES, LABELS
from training.data.records import Records
from training.evaluation.evaluate import Predictions, by_label, evaluate
from training.report.files import model_card, report

NAMES = [label.name for label in LABELS]
CONTRACT = ModelContract(
    name="by-hand",
    features=(Feature("duration", "kdd99.duration", "float"),),
    labels=LABELS,
    families=FAMILIES,
    novelty_threshold=0.5,
)


def records(*rows: tuple[str, int]) -> Records:
    """Records of these labels and counts; their values do not matter here."""
    n = len(rows)
    labels, counts = zip(*rows, strict=True)
    return Records(np.zeros((n, 38), np.float32), np.full((n, 3), "tcp"), np.array(labels), np.array(counts))


def predictions(*answers: tuple[str, float, float]) -> Predictions:
    """Closest label, its probability (the rest goes to `normal`, or to `back`), novelty."""
    probabilities = np.zeros((len(answers), len(NAMES)), np.float32)
    for row, (name, probability, _) in enumerate(answers):
        probabilities[row, NAMES.index("back" if name == "normal" else "normal")] = 1 - probability
        probabilities[row, NAMES.index(name)] = probability
    return Predictions(probabilities, np.array([novelty for *_, novelty in answers], np.float32))


ROWS = records(
    ("normal", 6), ("normal", 2), ("normal", 2), ("neptune", 8), ("satan", 2), ("mailbomb", 3), ("mailbomb", 1)
)
ANSWERS = predictions(
    ("normal", 1.0, 0.1),
    ("normal", 1.0, 0.9),
    ("smurf", 1.0, 0.2),
    ("neptune", 1.0, 0.9),
    ("ipsweep", 1.0, 0.3),
    ("normal", 1.0, 0.7),
    ("back", 1.0, 0.1),
)


def test_each_figure_by_hand() -> None:
    """24 rows: 20 of labels that the model knows, 4 of one that it does not."""
    figures = evaluate(ROWS, ANSWERS, CONTRACT)
    assert figures["rows"] == 24
    assert figures["accuracy_23"] == pytest.approx((6 + 2 + 8) / 20)
    # the second normal record and the first mailbomb are unknown: with no attack likelier than another, probe
    assert figures["family_accuracy"] == pytest.approx((6 + 8 + 2 + 1) / 24)
    assert figures["kdd_cost"] == pytest.approx((2 * 1 + 2 * 2 + 3 * 1) / 24)
    assert figures["kdd_cost_closest"] == pytest.approx((2 * 2 + 3 * 2) / 24)
    assert figures["family_recall"] == {"normal": 0.6, "probe": 1.0, "dos": 0.75, "u2r": None, "r2l": None}
    assert figures["normal_alert_rate"] == pytest.approx(2 / 10)
    assert figures["normal_flag_rate"] == pytest.approx(4 / 10)
    assert figures["ece_family"] == pytest.approx(5 / 24)
    assert figures["unseen"] == {"mailbomb": {"rows": 4, "called": {"normal": 3, "back": 1}, "flagged": 4, "alerts": 1}}
    f1 = {"normal": 16 / 18, "neptune": 1.0, "smurf": 0.0, "satan": 0.0, "ipsweep": 0.0}
    assert figures["macro_f1_23"] == pytest.approx(sum(f1.values()) / len(f1))


def test_the_keys_are_those_that_scripts_use() -> None:
    """Scripts read them, so their names never change. Other figures come after them."""
    assert list(evaluate(ROWS, ANSWERS, CONTRACT))[:10] == [
        "rows",
        "accuracy_23",
        "macro_f1_23",
        "kdd_cost",
        "family_accuracy",
        "family_recall",
        "normal_alert_rate",
        "normal_flag_rate",
        "ece_family",
        "unseen",
    ]


def test_without_a_threshold_nothing_is_unknown() -> None:
    """A model without novelty flags only its alerts."""
    figures = evaluate(ROWS, ANSWERS, dataclasses.replace(CONTRACT, novelty_threshold=None))
    assert figures["normal_flag_rate"] == figures["normal_alert_rate"]


def test_rows_of_unseen_labels_only_give_figures_or_none_and_valid_json() -> None:
    """JSON has no NaN."""
    figures = evaluate(records(("worm", 2)), predictions(("normal", 1.0, 0.0)), CONTRACT)
    assert figures["accuracy_23"] is None
    assert figures["normal_alert_rate"] is None
    assert figures["kdd_cost"] == 4.0
    json.dumps(figures, allow_nan=False)


def test_a_label_of_no_family_is_named() -> None:
    """The file is of another data set, or its last column is not the label."""
    with pytest.raises(InputError, match=r"that KDD Cup 99 does not have: BENIGN"):
        evaluate(records(("BENIGN", 1)), predictions(("normal", 1.0, 0.0)), CONTRACT)


def test_report_and_model_card_say_the_same_figures() -> None:
    """Both are made from one set of numbers; the card names its limits and how to make the model again."""
    known = ROWS.take(ROWS.labels != "mailbomb")
    answers = Predictions(ANSWERS.probabilities[:5], ANSWERS.novelty[:5])
    figures, labels = evaluate(known, answers, CONTRACT), by_label(known, answers, CONTRACT)
    artifact: dict[str, Any] = {"version": "0123456789ab", "size_bytes": 1234}
    training: dict[str, Any] = {
        "data": "rows.gz",
        "sha256": "ff" * 32,
        "rows": 20,
        "distinct_vectors": 5,
        "contradictory_vectors": 0,
        "training_vectors": 3,
        "validation_vectors": 1,
        "held_out_vectors": 1,
        "seed": 4,
        "recipe": {"epochs": 2, "false_positive_rate": 0.02},
    }
    contract = dataclasses.replace(CONTRACT, training=training, libraries={"keras": "3"})
    read = json.loads(report(contract, figures, labels, artifact))
    card = model_card(contract, figures, labels, artifact)
    assert read["held_out"]["accuracy_23"] == figures["accuracy_23"]
    assert f"| accuracy, 23 labels | {figures['accuracy_23']:.4f} |" in card
    assert "oversight train --data rows.gz --seed 4 --output models/by-hand" in card
    assert "## Limits" in card
    neptune = next(row for row in labels if row["label"] == "neptune")
    assert neptune == {"label": "neptune", "precision": 1.0, "recall": 1.0, "f1": 1.0, "records": 1}
