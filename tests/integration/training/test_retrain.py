"""`python -m benchmarks.training` as a person types it: a whole study of a small file in seconds, interrupted and
continued.
"""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.training.__main__ import command
from benchmarks.training.retraining import Plan, Retraining, read_material
from contract.errors import InputError
from tests.conftest import ROOT
from tests.here import run_here
from tests.unit.training.samples import lines, write
from tests.waiting import WAIT_S
from training.data.feature_sets import SETS
from training.data.records import Source

NAMES = ["seed-0", "fold-0", "anchor", "seed-1", "fold-1"]


def words_of(folder: Path) -> list[object]:
    """The arguments of a study of this folder's files, with few epochs."""
    files = ("--data", folder / "train.csv", "--test", folder / "test.csv", "--output", folder / "out")
    few = ("epochs=4", "batch_size=64", "attack_epochs=2")
    recipe = [word for change in few for word in ("--recipe", change)]
    return [*files, "--seeds", 2, "--folds", 2, "--anchor", *recipe]


def study(*words: object) -> subprocess.CompletedProcess[str]:
    """Run the program in the test process, which has imported TensorFlow."""
    return run_here(command, *words)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A study of 600 rows, with a test file in which some rows have a label that is not in training."""
    folder = tmp_path_factory.mktemp("study")
    write(folder / "train.csv", lines(600))
    unseen = [f"{line.rpartition(',')[0]},mailbomb." for line in lines(20, seed=9)]
    write(folder / "test.csv", [*lines(200, seed=5), *unseen])
    program = [sys.executable, "-m", "benchmarks.training", *map(str, words_of(folder)), "--json"]
    limit_s = 3 * WAIT_S  # of five trainings
    return folder, subprocess.run(program, capture_output=True, text=True, check=False, timeout=limit_s, cwd=ROOT)


def test_the_study_has_every_training_and_every_goal(first: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    """JSON on stdout is the content of study.json."""
    folder, run = first
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    assert found["done"] == found["planned"] == NAMES
    assert found["held_out"]["folds"] == 2
    assert found["held_out"]["vectors"] == sum(found["vectors_of"].values())
    assert found["test"]["seeds"] == 2
    assert found["test"]["rows"] == 220
    assert [label["label"] for label in found["test"]["unseen"]] == ["mailbomb"]
    assert all(row["mean"] is not None and row["n"] == 2 for row in found["goals"])
    assert found["made_by"]["recipe"]["epochs"] == 4
    written = json.loads((folder / "out" / "study.json").read_text(encoding="utf-8"))
    assert written["done"] == NAMES
    assert str(folder) not in run.stdout


def test_progress_says_what_is_trained_and_how_long_it_takes(
    first: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    """On stderr, in plain lines, and none of TensorFlow's noise."""
    _, run = first
    assert "training 1 of 5: seed 0; about" in run.stderr
    assert "training 5 of 5: fold 1; about" in run.stderr
    assert "anchor: epoch 1 of at most 4" in run.stderr
    for noise in ("WARNING", "retracing", "Traceback"):
        assert noise not in run.stderr


def test_an_interrupted_study_trains_only_what_is_missing_and_ends_with_the_same_figures(
    first: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    """One result is gone and one was cut off in the middle of writing: both are made again, with the same figures."""
    folder, run = first
    trainings = folder / "out" / "trainings"
    assert sorted(path.name for path in trainings.iterdir()) == [
        "anchor.json",
        "fold-0-of-2.json",
        "fold-1-of-2.json",
        "seed-0.json",
        "seed-1.json",
    ]
    (trainings / "anchor.json").unlink()
    whole = (trainings / "seed-1.json").read_text(encoding="utf-8")
    (trainings / "seed-1.json").write_text(whole[: len(whole) // 2], encoding="utf-8")
    again = study(*words_of(folder), "--json")
    assert again.returncode == 0, again.stderr
    assert "3 of 5 trainings are already done: seed-0, fold-0, fold-1" in again.stderr
    assert again.stderr.count("\ntraining ") == 2
    figures = [
        [row for row in json.loads(text)["goals"] if row["figure"] != "seconds"] for text in (run.stdout, again.stdout)
    ]
    assert figures[0] == figures[1]


def test_a_person_sees_one_table_of_musts_and_goals_and_the_naive_model_beside_it(
    first: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    """Nothing is trained: all of it is there."""
    folder, _ = first
    run = study(*words_of(folder))
    assert run.returncode == 0, run.stderr
    assert "5 of 5 trainings are already done" in run.stderr
    assert "Must" in run.stdout
    assert "KDD Cup cost of the verdict's family" in run.stdout
    assert "Comparison with the naive model:" in run.stdout
    assert "≤ 0.2000" in run.stdout


def test_another_recipe_makes_another_result(first: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    """What was made by another recipe, data or code is not taken for this study's."""
    folder, _ = first
    plan = Plan(2, 2, anchor=True, features=SETS["all"])
    material = read_material(folder / "train.csv", folder / "test.csv", plan)
    same, other = ({"epochs": epochs, "batch_size": 64, "attack_epochs": 2} for epochs in (4, 5))
    assert list(Retraining(material, plan, folder / "out", same).finished()) == NAMES
    assert Retraining(material, plan, folder / "out", other).finished() == {}
    elsewhere = dataclasses.replace(material, source=Source("train.csv", "00" * 32))
    assert Retraining(elsewhere, plan, folder / "out", same).finished() == {}
    with pytest.raises(InputError, match="--recipe: unknown no_such; expected one of "):
        Retraining(material, plan, folder / "out", {"no_such": 1})


@pytest.mark.parametrize(
    ("words", "message"),
    [((), "Missing option '--test'"), (("--test", "x", "--recipe", "epochs=many"), "expected NAME=NUMBER")],
)
def test_options_that_do_not_fit_are_wrong_use(words: tuple[str, ...], message: str, tmp_path: Path) -> None:
    """Exit 2, before anything is read."""
    write(tmp_path / "rows.csv", lines(5))
    ended = study("--data", tmp_path / "rows.csv", *words)
    assert ended.returncode == 2
    assert message in ended.stderr


def test_a_bad_file_ends_in_one_line_before_any_training(tmp_path: Path) -> None:
    """And leaves no folder behind."""
    train = write(tmp_path / "train.csv", lines(200))
    ended = study("--data", train, "--test", tmp_path, "--output", tmp_path / "out")
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1].startswith(f"Error: cannot read {tmp_path} (Is a directory)")
    assert not (tmp_path / "out").exists()
