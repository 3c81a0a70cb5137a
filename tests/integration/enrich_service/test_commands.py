"""`oversight model` and the help of `oversight serve`, as a user types them."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import orjson

from contract.artifact.proof import proof_in_words
from contract.kdd99.columns import COLUMNS
from contract.shipped_models import shipped_path
from enrich_service.model.model_file import read
from tests.artifacts import TURBINE, write_model
from tests.here import TerminalHere


def oversight(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return TerminalHere(Path.cwd(), environment).type(*words)


def test_the_model_as_json_is_complete(turbine_model: Path) -> None:
    """Path, id, version, digest and the contract, as JSON on standard output."""
    file = read(turbine_model)
    ended = oversight("model", "--json", OVERSIGHT_MODEL=str(turbine_model))
    assert (ended.returncode, ended.stderr) == (0, "")
    assert orjson.loads(ended.stdout) == {
        "path": str(turbine_model),
        "id": "turbine",
        "version": file.version,
        "sha256": file.sha256,
        "contract": TURBINE.to_dict(),
        "proof": proof_in_words(TURBINE),
    }


def test_the_model_is_printed_in_tables(turbine_model: Path) -> None:
    """Every feature, label and figure has a row."""
    ended = oversight("model", "--model", str(turbine_model))
    assert ended.returncode == 0
    rows = [line.split() for line in ended.stdout.splitlines() if line.strip()]
    assert rows[0][:3] == ["turbine", "version", read(turbine_model).version]
    assert ["turbine.temperature_c", "float", "20", "to", "140.1", "60"] in rows
    assert ["overheating", "heat", "73", "T1495.001", "Bootloader", "(Impact)"] in rows
    assert ["heldout.accuracy", "0.97"] in rows


def test_the_shipped_model_fits_a_terminal_of_80_columns() -> None:
    """No field name is cut, because operators copy it."""
    ended = oversight("model", COLUMNS="80")
    assert ended.returncode == 0
    for column in COLUMNS:
        assert f"kdd99.{column} " in ended.stdout
    assert all(len(line) <= 80 for line in ended.stdout.splitlines()[1:])


def test_no_model_is_one_line_and_exit_64(tmp_path: Path) -> None:
    """The line says how to get a model."""
    ended = oversight("model", "--model", str(tmp_path / "none.onnx"))
    assert ended.returncode == 64
    assert ended.stderr.startswith("oversight: there is no model at")
    assert ended.stderr.count("\n") == 1


def test_a_name_that_is_no_shipped_model_is_one_line_that_lists_them() -> None:
    """A typing error must not look like a missing file only."""
    ended = oversight("model", "--model", "kdd99-flwo")
    assert (ended.returncode, ended.stdout) == (64, "")
    assert ended.stderr.startswith("oversight: there is no model at kdd99-flwo; ")
    assert ended.stderr.endswith(
        "set OVERSIGHT_MODEL to a path or to the name of a shipped model (kdd99-flow, kdd99-mlp)\n"
    )


def test_a_shipped_model_is_shown_and_added_by_its_name(tmp_path: Path) -> None:
    """With the option, and as the file of a command for a model folder."""
    shown = json.loads(oversight("model", "--model", "kdd99-flow", "--json").stdout)
    assert shown["path"] == str(shipped_path("kdd99-flow"))
    for words in (("add", "kdd99-flow"), ("activate", "kdd99-flow")):
        ended = oversight("model", "--model", str(tmp_path / "live"), *words, "--json")
        assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["active"] == shown["version"]


def test_help_has_an_example() -> None:
    """The help has the command to copy."""
    assert "oversight serve --bind 0.0.0.0:8600 --workers 2" in oversight("serve", "--help").stdout
    assert "oversight model --json" in oversight("model", "--help").stdout


def test_versions_are_added_activated_listed_and_rolled_back(tmp_path: Path, turbine_model: Path) -> None:
    """The commands of a day with two versions, and what each prints for a script."""
    other = write_model(
        tmp_path / "other.onnx", replace(TURBINE, proof="labels", proved={"rows": 50, "accuracy": 0.98})
    )
    first, second = read(turbine_model).version, read(other).version
    env = {"OVERSIGHT_MODEL": str(tmp_path / "live")}
    assert oversight("model", "add", str(turbine_model), **env).stdout.startswith(f"version {first} of turbine is in ")
    assert oversight("model", "activate", first[:6], **env).stdout == f"version {first} is active\n"
    assert (
        oversight("model", "activate", str(other), **env).stdout == f"version {second} is active in place of {first}\n"
    )
    page = orjson.loads(oversight("model", "list", "--json", **env).stdout)
    assert (page["active"], page["previous"]) == (second, [first])
    assert {one["version"]: one["role"] for one in page["versions"]} == {first: "previous", second: "active"}
    proofs = {one["version"]: one["proof"].split(",")[0] for one in page["versions"]}
    assert proofs == {first: "none", second: "labels"}
    shown = oversight("model", "list", COLUMNS="200", **env).stdout
    assert "labels, accuracy 0.98 on 50 rows with known labels" in shown
    shown = oversight("model", **env).stdout
    assert "proof: labels, accuracy 0.98 on 50 rows with known labels\n" in shown
    ended = oversight("model", "rollback", "--json", **env)
    assert orjson.loads(ended.stdout)["active"] == first
    assert orjson.loads(oversight("model", "--json", **env).stdout)["version"] == first


def test_a_command_on_a_plain_artifact_says_that_it_needs_a_folder(turbine_model: Path) -> None:
    """One line, with the setting to change."""
    ended = oversight("model", "list", OVERSIGHT_MODEL=str(turbine_model))
    assert ended.returncode == 64
    assert "is an artifact, not a model folder" in ended.stderr
    assert ended.stderr.count("\n") == 1
