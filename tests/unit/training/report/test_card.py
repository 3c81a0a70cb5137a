"""The model card with a study beside the artifact: made from study.json and report.json alone."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.training import study
from benchmarks.training.card import digest, page, study_of
from benchmarks.training.measure import measure_held_out, measure_test
from contract.artifact.contract import ModelContract
from contract.errors import InputError
from tests.unit.training.evaluation.test_evaluate import ANSWERS, CONTRACT, ROWS
from tests.unit.training.evaluation.test_study import ALL_RIGHT, KNOWN, SOME_WRONG, result
from training.evaluation.evaluate import by_label, evaluate
from training.report.files import report

TRAINING: dict[str, Any] = {
    "data": "rows.gz",
    "sha256": "ff" * 32,
    "rows": 20,
    "distinct_vectors": 5,
    "contradictory_vectors": 0,
    "training_vectors": 3,
    "validation_vectors": 1,
    "held_out_vectors": 1,
    "seed": 4,
    "recipe": {"epochs": 2, "hidden": (4, 4), "false_positive_rate": 0.02},
}
SHIPPED: ModelContract = dataclasses.replace(CONTRACT, training=TRAINING, libraries={"keras": "3"})
MADE_BY: dict[str, Any] = {
    "recipe": {"epochs": 2, "hidden": [4, 4], "false_positive_rate": 0.02},
    "data": "ff" * 32,
    "columns": len(CONTRACT.features),
}
TWINS = np.array([False] * 5 + [True, False])


def content(**changes: Any) -> dict[str, Any]:
    """A study of one seed, one fold of two, and the naive model."""
    test = measure_test(ROWS, ANSWERS, CONTRACT, TWINS)
    naive = {**result(SOME_WRONG), "not_leaked": measure_held_out(KNOWN, SOME_WRONG, CONTRACT)}
    about = {
        "model": CONTRACT.name,
        "data_file": "rows.gz",
        "test_file": "test.gz",
        "planned": ["seed-0", "fold-0", "anchor", "fold-1"],
        "vectors_of": {"normal": 30},
        "made_by": MADE_BY,
        "anchor_made_by": {"recipe": {"hidden": [45, 45], "learning_rate": 0.001, "batch_size": 128, "epochs": 20}},
        **changes,
    }
    results = {"seed-0": {**result(ALL_RIGHT), "test": test}, "fold-0": result(ALL_RIGHT), "anchor": naive}
    return study.summary(results, CONTRACT, about)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An artifact's folder without the artifact, which only gives its contract."""
    figures, labels = evaluate(KNOWN, ALL_RIGHT, SHIPPED), by_label(KNOWN, ALL_RIGHT, SHIPPED)
    text = report(SHIPPED, figures, labels, {"version": "0123456789ab", "size_bytes": 1234})
    (tmp_path / "report.json").write_text(text, encoding="utf-8")
    return tmp_path


def write_study(folder: Path, found: dict[str, Any]) -> str:
    text = study.text(found)
    (folder / "study.json").write_text(text, encoding="utf-8")
    return text


def test_a_study_adds_goals_results_and_pictures_to_the_card(folder: Path) -> None:
    """It also names the trainings that are not done yet."""
    write_study(folder, content())
    card = page(folder, SHIPPED)
    for heading in (
        "Musts and goals",
        "Held out, over all folds",
        "Test file",
        "Comparison with a naive model",
        "Limits",
    ):
        assert f"\n## {heading}\n" in card
    assert "3 of 4 trainings done so far: seed-0, fold-0, anchor" in card
    assert "1 of 2 folds" in card
    for picture in ("confusion", "reliability", "novelty", "roc"):
        assert f"](figures/{picture}.svg)" in card
    assert f"| KDD Cup cost of the verdict's family | {9 / 24:.4f} | - |" in card
    assert "--test test.gz --seeds 1 --folds 2 --anchor" in card
    assert "| `mailbomb` | 4 | 1 | 25% | 100% | normal 75%, back 25% |" in card


def test_the_card_says_which_labels_cannot_be_found_with_counts(folder: Path) -> None:
    """Three of four rows of mailbomb equal a normal row here."""
    write_study(folder, content())
    assert "`mailbomb` cannot be found: 3 of its 4 rows in `test.gz` equal a normal row" in page(folder, SHIPPED)


def test_the_card_says_what_was_chosen_with_sight_of_the_test_file(folder: Path) -> None:
    """With a study and without."""
    assert "## How the choices were made" in page(folder, SHIPPED)


@pytest.mark.parametrize(
    "changes",
    [
        {"made_by": {**MADE_BY, "recipe": {"epochs": 3, "hidden": [4, 4], "false_positive_rate": 0.02}}},
        {"made_by": {**MADE_BY, "data": "ee" * 32}},
        {"made_by": {**MADE_BY, "columns": len(CONTRACT.features) + 2}},
        {"model": "another"},
    ],
)
def test_a_study_of_another_recipe_other_data_columns_or_model_is_not_on_the_card(
    changes: dict[str, Any], folder: Path
) -> None:
    """Its figures belong to another model."""
    write_study(folder, content(**changes))
    assert study_of(folder, SHIPPED) is None
    card = page(folder, SHIPPED)
    assert "Musts and goals" not in card
    assert "| `neptune` | 1 |" in card


def test_without_a_study_there_is_a_card_all_the_same(folder: Path) -> None:
    """As `oversight train` writes it."""
    card = page(folder, SHIPPED)
    assert "0123456789ab" in card
    assert "`snmpgetattack` has the same values as normal traffic" in card


@pytest.mark.parametrize(
    ("name", "remedy"), [("study.json", "python -m benchmarks.training"), ("report.json", "oversight")]
)
def test_a_damaged_file_is_named(name: str, remedy: str, folder: Path) -> None:
    """The message also says what to do."""
    (folder / name).write_text('{"made_by": ', encoding="utf-8")
    with pytest.raises(InputError, match=rf"cannot read .*{name}.*{remedy}"):
        page(folder, SHIPPED)


def test_shipped_pictures_belong_to_the_shipped_study() -> None:
    """For each model that is shipped with a study."""
    for path in (Path(__file__).parents[4] / "models").glob("*/study.json"):
        found = json.loads(path.read_text(encoding="utf-8"))
        key = digest(path.read_text(encoding="utf-8"))
        pictures = {file.name: file.read_bytes() for file in (path.parent / "figures").glob("*.svg")}
        assert len(pictures) == (found["held_out"] is not None) + 3 * (found["test"] is not None)
        assert all(f"study {key}".encode() in picture for picture in pictures.values())
