"""docs/models.md has the figures of the shipped artifacts; a new artifact needs a new page."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from docs.generate.models_page import PAGE, Shipped, page
from tests.conftest import ROOT
from tests.waiting import WAIT_S
from training.data.feature_sets import SETS
from training.evaluation.evaluate import open_artifact

FIGURES = {
    "rows": 10,
    "accuracy_23": 0.5,
    "macro_f1_23": None,
    "family_accuracy": 0.5,
    "kdd_cost": 0.25,
    "normal_alert_rate": 0.01,
    "normal_flag_rate": 0.02,
    "ece_family": 0.03,
    "family_recall": {"normal": 0.98765},
    "unseen": {"worm": {"rows": 2, "flagged": 1}, "saint": {"rows": 4, "flagged": 4}},
}
TRAINING = {"data": "train.gz", "held_out_vectors": 2_000, "distinct_vectors": 10_000, "contradictory_vectors": 2}


def check(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "docs.generate.models_page", "--check", "--data", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=WAIT_S)


@pytest.mark.data
def test_the_page_has_the_figures_that_are_measured_now(shared_data: Path) -> None:
    """Those of the artifacts as they lie in models/, on the file that the page names."""
    done = check(shared_data / "kdd99" / "corrected-dev.gz")
    assert done.returncode == 0, done.stderr


def test_a_page_that_says_otherwise_is_noticed(tmp_path: Path) -> None:
    """Another file has other figures; the message names the command that writes the page."""
    rows = ["0,tcp,http,SF,181,5450,0,0,0,0,0,1,0,0,0,0,0,0,0,0,0,0,8,8,0,0,0,0,1,0,0,9,9,1,0,0.11,0,0,0,0,0,normal."]
    (tmp_path / "other.csv").write_text("\n".join(rows), encoding="ascii")
    before = PAGE.read_bytes()
    done = check(tmp_path / "other.csv")
    assert done.returncode == 1
    assert "run python -m docs.generate.models_page --data" in done.stderr
    assert PAGE.read_bytes() == before


def test_both_artifacts_are_what_the_page_compares() -> None:
    """Named in the page, there, and of the columns that it says."""
    text = PAGE.read_text(encoding="utf-8")
    for found in SETS.values():
        _, contract = open_artifact(ROOT / "models" / found.model / "model.onnx")
        assert contract.name == found.model
        assert [feature.name for feature in contract.features] == list(found.columns)
        assert f"{found.model} ({len(found.columns)} features)" in text
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]
    assert links
    assert [link for link in links if not (PAGE.parent / link).exists()] == []


def test_each_model_has_a_column_and_figures_that_could_not_be_measured_a_dash() -> None:
    """Labels stand in the order of their rows."""
    models = [
        Shipped("one (41 features)", TRAINING, FIGURES, FIGURES, {**FIGURES, "normal_flag_rate": 0.7}),
        Shipped("two (26 features)", TRAINING, FIGURES, FIGURES, None),
    ]
    text = page(models, "test.gz")
    assert "| figure | one (41 features) | two (26 features) |\n" in text
    assert "| figure | one (41 features) | two (26 features) | one (41 features), content columns 0 |\n" in text
    assert "| macro-F1, 23 labels | - | - | - |\n" in text
    assert "| recall of normal | 0.9877 | 0.9877 |\n" in text
    assert "70.0% of the normal rows below raise an alert or are `unknown`, instead of 2.0%" in text
    assert text.index("| `saint` | 4 | 100.0% | 100.0% |") < text.index("| `worm` | 2 | 50.0% | 50.0% |")
