"""`oversight train --features flow`: a model of the 26 columns that a flow log has, through the same commands."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from contract.kdd99.columns import COLUMNS, FLOW
from tests.here import oversight_here
from tests.unit.training.samples import lines, write
from training.evaluation.evaluate import open_artifact


def emptied(text: str) -> str:
    """The line as a sensor writes it that knows flows only."""
    *values, label = text.split(",")
    return ",".join([value if column in FLOW else "" for column, value in zip(COLUMNS, values, strict=True)] + [label])


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a model that was trained on lines with gaps, as this sensor's labelled file would have them."""
    folder = tmp_path_factory.mktemp("flow")
    data = write(folder / "gaps.csv", [emptied(text) for text in lines(1_500)])
    run = oversight_here("train", "--features", "flow", "--data", data, "--output", folder / "model", "--json")
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)["held_out"]["accuracy_23"] > 0.9
    return folder / "model"


def test_the_artifact_reads_26_features_and_says_so(model: Path) -> None:
    """Its contract, its report and its card are those of the other model, of fewer columns."""
    _, contract = open_artifact(model / "model.onnx")
    assert (contract.name, contract.dataset) == ("kdd99-flow", "flow")
    assert [feature.name for feature in contract.features] == list(FLOW)
    assert (len(contract.numeric), len(contract.categorical)) == (23, 3)
    assert json.loads((model / "report.json").read_text(encoding="utf-8"))["model"] == "kdd99-flow"
    card = (model / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert card.startswith("# Model card: kdd99-flow\n")
    for words in ("26 features", "13 content columns (`hot` to `is_guest_login`", "--features flow", "`kdd99-mlp`"):
        assert words in card


def test_a_file_is_scored_alike_whatever_is_in_the_columns_that_it_does_not_read(model: Path, tmp_path: Path) -> None:
    """Filled, empty or missing: the columns are found by name."""
    rows = lines(300, seed=1)
    short = [",".join([*text.split(",")[:7], *text.split(",")[22:]]) for text in rows]
    figures = []
    for name, made in (("full", rows), ("emptied", [emptied(text) for text in rows]), ("short", short)):
        data = write(tmp_path / f"{name}.csv", made)
        run = oversight_here("evaluate", "--data", data, "--model", model / "model.onnx", "--json")
        assert run.returncode == 0, run.stderr
        figures.append(json.loads(run.stdout))
    assert figures[0] == figures[1] == figures[2]
    assert figures[0]["rows"] == 300
    assert figures[0]["accuracy_23"] > 0.9


def test_a_column_that_it_reads_must_be_there(model: Path, tmp_path: Path) -> None:
    """One line that names file, line, column and value."""
    rows = lines(3)
    rows[1] = ",".join(
        "" if column == "count" else value for column, value in zip((*COLUMNS, ""), rows[1].split(","), strict=True)
    )
    run = oversight_here("evaluate", "--data", write(tmp_path / "bad.csv", rows), "--model", model / "model.onnx")
    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr == "oversight: bad.csv, line 2, column 'count': '', expected a finite number; correct the file\n"


def test_a_choice_of_features_that_is_none_is_wrong_use(tmp_path: Path) -> None:
    """The error lists the choices; nothing is read or written."""
    run = oversight_here("train", "--features", "nonsense", "--data", tmp_path / "none", "--output", tmp_path / "out")
    assert run.returncode == 2
    assert "'nonsense' is not one of 'all', 'flow'" in run.stderr
    assert not (tmp_path / "out").exists()
