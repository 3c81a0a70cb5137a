"""`oversight predict` as a user types it: files in, files out, no server."""

from __future__ import annotations

import csv
import gzip
import io
import json
import subprocess
from pathlib import Path

import pytest

from tests.acceptance.commands import Terminal
from tests.here import TerminalHere

ROWS = "temperature_c,mode,vibration_mm_s\n61.5,steady,1.2\n125,steady,1.5\nx,steady,1\n60,steady\n-30,off,0.1\n"
LABELS = ["healthy", "overheating", "", "", "unknown"]


@pytest.fixture
def terminal(tmp_path: Path, turbine_model: Path) -> Terminal:
    (tmp_path / "rows.csv").write_text(ROWS)
    return TerminalHere(tmp_path, {"OVERSIGHT_MODEL": str(turbine_model)})


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_each_line_of_a_file_gets_a_line(terminal: Terminal, turbine_model: Path) -> None:
    """In order, also a line that cannot be read; an existing output is replaced."""
    (terminal.folder / "scored.csv").write_text("earlier")
    done = terminal.type(
        "predict", "--model", turbine_model, "--data", "rows.csv", "--output", "scored.csv", OVERSIGHT_MODEL=""
    )
    assert done.returncode == 0, done.stderr
    rows = rows_of((terminal.folder / "scored.csv").read_text())
    assert [row["label"] for row in rows] == LABELS
    assert rows[1]["reasons"].startswith("temperature_c is 125")
    assert rows[2]["error"].startswith("field 'turbine.temperature_c' is 'x', expected a number")
    assert rows[3]["error"] == "the row has 2 columns, the header 3"
    assert "scored.csv: 5 rows scored by turbine, version " in done.stdout
    assert "2 rows have an error instead; the first is row 3: field 'turbine.temperature_c' is 'x'" in done.stdout
    assert sorted(path.name for path in terminal.folder.glob("*.csv")) == ["rows.csv", "scored.csv"]


def test_the_summary_is_json_and_the_output_is_packed(terminal: Terminal) -> None:
    with gzip.open(terminal.folder / "rows.jsonl.gz", "wt") as file:
        for row in rows_of(ROWS):
            file.write(
                json.dumps({"turbine": {"temperature_c": row["temperature_c"], "vibration_mm_s": 1.0}, "mode": "off"})
                + "\n"
            )
    facts = terminal.json("predict", "--data", "rows.jsonl.gz", "--output", "scored.jsonl.gz", "--no-reasons")
    assert {key: facts[key] for key in ("model", "rows", "predicted", "errors")} == {
        "model": "turbine",
        "rows": 5,
        "predicted": 4,
        "errors": 1,
    }
    assert facts["first_error"].startswith("row 3: ")
    with gzip.open(terminal.folder / "scored.jsonl.gz", "rt") as file:
        rows = [json.loads(line) for line in file]
    assert [sorted(row) for row in rows[1:3]] == [["label", "novelty", "probability", "unknown"], ["error"]]


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_standard_output_has_only_the_lines(terminal: Terminal, form: str) -> None:
    done = terminal.type("predict", "--data", "rows.csv", "--output", "-", "--format", form)
    assert done.returncode == 0
    found = rows_of(done.stdout) if form == "csv" else [json.loads(line) for line in done.stdout.splitlines()]
    assert [row.get("label", "") for row in found] == LABELS
    assert "5 rows scored" in done.stderr


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("--data", "rows.csv", "--output", "rows.csv"), 1, "is the file of the rows itself"),
        (("--data", "rows.csv", "--output", "out.txt"), 1, "ends in none of .csv"),
        (("--data", "none.csv", "--output", "out.csv"), 1, "cannot read none.csv"),
        (("--data", "rows.csv", "--output", "folder.csv"), 1, "is a folder or a device"),
        (("--data", "rows.csv", "--output", "-", "--json"), 2, "--json prints a summary on standard output"),
        (("--data", "rows.csv"), 2, "Missing option '--output'"),
        (("--data", "other.csv", "--output", "out.csv"), 1, "the rows have no column mode; expected a column for each"),
        (("--data", "bad.csv", "--output", "out.csv"), 1, "no row of bad.csv could be scored (row 1: field"),
        (("--data", "rows.csv", "--output", "out.csv", "--model", "rows.csv"), 64, "rows.csv"),
    ],
)
def test_an_error_is_one_line(terminal: Terminal, words: tuple[str, ...], code: int, says: str) -> None:
    (terminal.folder / "folder.csv").mkdir()
    (terminal.folder / "other.csv").write_text("temperature_c,vibration_mm_s\n1,2\n")
    (terminal.folder / "bad.csv").write_text("temperature_c,mode,vibration_mm_s\nx,off,2\n")
    done: subprocess.CompletedProcess[str] = terminal.type("predict", *words)
    assert (done.returncode, says in done.stderr) == (code, True), done.stderr
    assert "Traceback" not in done.stderr
    if code != 2:
        assert done.stderr.count("\n") == 1


def test_an_existing_output_stays_if_no_row_could_be_scored(terminal: Terminal) -> None:
    (terminal.folder / "scored.csv").write_text("earlier")
    (terminal.folder / "bad.csv").write_text("temperature_c,mode,vibration_mm_s\nx,steady,1\n")
    done = terminal.type("predict", "--data", "bad.csv", "--output", "scored.csv")
    assert done.returncode == 1
    assert "no row of bad.csv could be scored (row 1: field 'turbine.temperature_c' is 'x'" in done.stderr
    assert (terminal.folder / "scored.csv").read_text() == "earlier"
