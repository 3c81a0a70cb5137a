"""`oversight evaluate --label`: the figures of any model on a file with a column of the truth."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.commands import Terminal
from tests.here import TerminalHere

HEADER = "temperature_c,mode,vibration_mm_s,truth\n"
GOOD = "61.5,steady,1.2,healthy\n125,steady,1.5,overheating\n130,off,1.5,overheating\n60,steady,25,bearing_wear\n"


@pytest.fixture
def terminal(tmp_path: Path, turbine_model: Path) -> Terminal:
    (tmp_path / "rows.csv").write_text(HEADER + GOOD + "64,steady,1,overheating\nx,off,1,healthy\n")
    return TerminalHere(tmp_path, {"OVERSIGHT_MODEL": str(turbine_model)})


def test_a_model_of_any_data_is_compared_with_guessing(terminal: Terminal) -> None:
    figures = terminal.json("evaluate", "--data", "rows.csv", "--label", "truth")
    assert figures["artifact"]["name"] == "turbine"
    assert (figures["rows"], figures["rows_not_read"], figures["accuracy"]) == (5, 1, 0.8)
    assert (figures["guessing_accuracy"], figures["better_than_guessing"]) == (0.6, True)
    assert figures["confusion"]["overheating"] == {"healthy": 1, "overheating": 2}
    assert figures["first_row_not_read"].startswith("row 6: field 'turbine.temperature_c' is 'x'")


def test_the_text_output_has_tables(terminal: Terminal) -> None:
    done = terminal.type("evaluate", "--data", "rows.csv", "--label", "truth")
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines[0][:2] == ["measured:", terminal.settings["OVERSIGHT_MODEL"]]
    assert ["accuracy", "0.8000", "0.6000"] in lines
    assert ["overheating", "overheating", "2"] in lines
    assert "1 rows cannot be read as the contract says: row 6" in done.stdout


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("--data", "rows.csv"), 1, "turbine is no model of KDD Cup 99; name the column of the truth with --label"),
        (("--data", "rows.csv", "--label", "class"), 1, "the rows have no column 'class' for the truth"),
        (("--data", "none.csv", "--label", "truth"), 1, "cannot read none.csv"),
        (("--data", "rows.csv", "--label", "mode"), 1, "row 1: the truth 'steady' is no label of the contract"),
        (("--data", "rows.csv", "--label", "truth", "--train-data", "rows.csv"), 2, "--train-data is for files of KDD"),
    ],
)
def test_an_error_is_one_line(terminal: Terminal, words: tuple[str, ...], code: int, says: str) -> None:
    done = terminal.type("evaluate", *words)
    assert (done.returncode, says in done.stderr) == (code, True), done.stderr
    assert "Traceback" not in done.stderr
