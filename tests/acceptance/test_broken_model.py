"""An unusable model: `check` reports it once and runs its other checks; other commands print one line."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from common.settings.shared import DEFAULT_MODEL
from contract.artifact.contract import METADATA_KEY
from tests.acceptance.commands import Terminal
from tests.artifacts import TURBINE, write_model
from tests.here import oversight_here
from tests.servers import enrich_service

CONTRACT = TURBINE.to_dict()
WITHOUT_LABELS = {key: value for key, value in CONTRACT.items() if key != "labels"}
FORGED = {
    **CONTRACT,
    "features": [{**CONTRACT["features"][0], "field": "oversight.status"}, *CONTRACT["features"][1:]],
    "labels": [{**CONTRACT["labels"][0], "name": "unknown"}, *CONTRACT["labels"][1:]],
}


def broken_models(folder: Path) -> list[tuple[Path, list[str]]]:
    """Unusable models, each with the words that its error must contain."""
    (folder / "text.onnx").write_text("no graph", encoding="utf-8")
    (folder / "empty" / "versions").mkdir(parents=True)
    (folder / "folder").mkdir()
    contracts = [("labels.onnx", WITHOUT_LABELS), ("forged.onnx", FORGED)]
    for name, contract in contracts:
        write_model(folder / name, None, metadata={METADATA_KEY: json.dumps(contract)})
    write_model(folder / "bare.onnx", None)
    return [
        (folder / "none.onnx", ["there is no model at", "OVERSIGHT_MODEL"]),
        (folder / "text.onnx", ["is not an ONNX model", "OVERSIGHT_MODEL"]),
        (folder / "bare.onnx", ["without Oversight's contract", "`oversight convert`"]),
        (folder / "empty", ["no version is active", "`oversight model activate FILE`"]),
        (folder / "folder", ["is a folder", "OVERSIGHT_MODEL"]),
        (folder / "labels.onnx", ["`labels` is missing; write one object for each output of the model"]),
        (folder / "forged.onnx", ["2 problems", "'oversight.status'", "write a field of your own", "label 'unknown'"]),
    ]


def check(model: Path, monkeypatch: pytest.MonkeyPatch, folder: Path) -> dict[str, dict[str, str | bool]]:
    """Results of `oversight check` for a model by subject. It must exit with 1 and print nothing to standard error."""
    monkeypatch.setenv("OVERSIGHT_MODEL", str(model))
    done = oversight_here("check", "--json", cwd=folder)
    assert (done.returncode, done.stderr) == (1, "")
    return {one["about"]: one for one in json.loads(done.stdout)}


@pytest.fixture
def settings(embedded_url: str, namespace: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings of a user with an engine."""
    for name, value in {"ELASTICSEARCH_URL": embedded_url, "OVERSIGHT_NAMESPACE": namespace}.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("settings")
def test_check_reports_a_broken_model_once_and_runs_its_other_checks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It still checks Elasticsearch and the enrich service."""
    with enrich_service(DEFAULT_MODEL) as url:
        monkeypatch.setenv("OVERSIGHT_ENRICH_URL", url)
        for path, said in broken_models(tmp_path):
            found = check(path, monkeypatch, tmp_path)
            artifact = found.pop("artifact")
            assert artifact["good"] is False
            assert [words for words in [*said, path.name] if words not in str(artifact["says"])] == []
            assert "\n" not in str(artifact["says"])
            assert [one["says"] for one in found.values() if path.name in str(one["says"])] == [], (
                "it is reported more than once"
            )
            assert found["Elasticsearch"]["good"]
            assert "not checked, because the model artifact cannot be read" in str(found["pipelines"]["says"])
            assert found["enrich service"]["good"]
            assert "not compared, because the model artifact cannot be read" in str(found["enrich service"]["says"])


@pytest.mark.usefixtures("settings")
def test_check_reports_a_model_that_is_newer_than_onnx_runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its contract is readable, so `check` still compares the pipelines with it."""
    path = write_model(tmp_path / "new.onnx", change=lambda model: setattr(model, "ir_version", 99))
    found = check(path, monkeypatch, tmp_path)
    assert "has the IR version 99" in str(found["artifact"]["says"])
    assert "update ONNX Runtime" in str(found["artifact"]["says"])
    assert path.name not in str(found["pipelines"]["says"])


@pytest.mark.usefixtures("settings")
def test_check_shows_how_a_model_was_proved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It shows the kind of proof and its figures with the artifact."""
    path = write_model(tmp_path / "m.onnx", replace(TURBINE, proof="labels", proved={"rows": 50, "accuracy": 0.98}))
    found = check(path, monkeypatch, tmp_path)
    assert found["artifact"]["good"]
    assert str(found["artifact"]["says"]).endswith("; proof: labels, accuracy 0.98 on 50 rows with known labels")


def test_a_contract_with_forged_fields_stops_commands_with_one_line(embedded_url: str, tmp_path: Path) -> None:
    """`provision` writes nothing, and `serve` does not start."""
    path, said = broken_models(tmp_path)[-1]
    terminal = Terminal(tmp_path, {"ELASTICSEARCH_URL": embedded_url, "OVERSIGHT_MODEL": str(path)})
    for words in (("provision",), ("serve", "--bind", "127.0.0.1:0")):
        done = terminal.type(*words)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (64, "", 1), done.stderr
        assert [part for part in said if part not in done.stderr] == []
