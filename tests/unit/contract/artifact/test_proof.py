"""The evaluation of a model as text."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from contract.artifact.contract import Proof
from contract.artifact.proof import proof_in_words
from tests.artifacts import TURBINE

ROWS = {"rows": 1_000}


@pytest.mark.parametrize(
    ("proof", "proved", "words"),
    [
        (
            "none",
            {},
            "none, not compared with known labels or with the author's program",
        ),
        (
            "labels",
            ROWS | {"macro_f1": 0.9, "guessing_macro_f1": 0.2, "accuracy": 0.97, "guessing_accuracy": 0.62},
            "labels, accuracy 0.97 (guessing 0.62), macro-F1 0.9 (guessing 0.2) on 1,000 rows with known labels",
        ),
        (
            "labels",
            ROWS | {"mean_absolute_error": 2.5, "guessing_mean_absolute_error": 9, "r2": 0.91, "guessing_r2": 0.0},
            "labels, mean absolute error 2.5 (guessing 9), R2 0.91 (guessing 0) on 1,000 rows with known labels",
        ),
        (
            "labels",
            ROWS | {"roc_auc": 0.99, "guessing_roc_auc": 0.5, "found": 0.95, "false_alerts": 0.01},
            "labels, ROC AUC 0.99 (guessing 0.5), share of anomalies found 0.95, share of false alerts 0.01 "
            "on 1,000 rows with known labels",
        ),
        ("outputs", ROWS, "outputs, equal to the author's program on 1,000 rows"),
        (
            "outputs",
            ROWS | {"accuracy": 0.97},
            "outputs, equal to the author's program on 1,000 rows; accuracy 0.97",
        ),
        (
            "labels",
            {"rows": "many", "accuracy": {"a": 1}, "r2": True},
            "labels, measured on some rows with known labels",
        ),
    ],
)
def test_the_figures_are_shown_beside_those_of_guessing(proof: Proof, proved: dict[str, Any], words: str) -> None:
    """Other content of the evaluation is left out."""
    assert proof_in_words(replace(TURBINE, proof=proof, proved=proved | {"confusion": {"a": {"b": 1}}})) == words
