"""`oversight model` and the help of `oversight serve`, as a user types them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import orjson

from contract.kdd99 import COLUMNS
from enrich_service.model_file import read
from tests.artifacts import TURBINE


def oversight(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OVERSIGHT_")}
    return subprocess.run(
        [sys.executable, "-m", "oversight", *words],
        env={**clean, **environment}, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip


def test_the_model_is_told_to_a_script_whole(turbine_model: Path) -> None:
    """Path, id, version and the contract, as JSON on standard output."""
    ended = oversight("model", "--json", OVERSIGHT_MODEL=str(turbine_model))
    assert (ended.returncode, ended.stderr) == (0, "")
    assert orjson.loads(ended.stdout) == {
        "path": str(turbine_model), "id": "turbine", "version": read(turbine_model).version, "contract": TURBINE.to_dict(),
    }  # fmt: skip


def test_the_model_is_told_to_a_person_in_tables(turbine_model: Path) -> None:
    """Every feature, label and figure has its row."""
    ended = oversight("model", "--model", str(turbine_model))
    assert ended.returncode == 0
    rows = [line.split() for line in ended.stdout.splitlines() if line.strip()]
    assert rows[0][:3] == ["turbine", "version", read(turbine_model).version]
    assert ["turbine.temperature_c", "float", "20", "to", "140.1", "60"] in rows
    assert ["overheating", "heat", "73", "T1495.001", "Bootloader", "(Impact)"] in rows
    assert ["heldout.accuracy", "0.97"] in rows


def test_the_shipped_model_fits_a_terminal_of_80_columns() -> None:
    """No field name is cut: it is what an operator copies."""
    ended = oversight("model", COLUMNS="80")
    assert ended.returncode == 0
    for column in COLUMNS:
        assert f"kdd99.{column} " in ended.stdout
    assert all(len(line) <= 80 for line in ended.stdout.splitlines()[1:])


def test_no_model_is_one_line_and_exit_64(tmp_path: Path) -> None:
    """And how to get one."""
    ended = oversight("model", "--model", str(tmp_path / "none.onnx"))
    assert ended.returncode == 64
    assert ended.stderr.startswith("oversight: there is no model at")
    assert ended.stderr.count("\n") == 1


def test_help_has_an_example() -> None:
    """The command to copy stands in the help."""
    assert "oversight serve --bind 0.0.0.0:8600 --workers 2" in oversight("serve", "--help").stdout
    assert "oversight model --json" in oversight("model", "--help").stdout
