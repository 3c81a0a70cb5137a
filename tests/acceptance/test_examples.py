"""Every command of the worked examples runs and prints what its page shows, from the training script to the query.

    docs/examples/NAME/README.md ──▶ commands and their output ──▶ the same commands here ──▶ the same lines,
                                                                                              other digits

The training scripts and `oversight convert` run in this process, so that it imports TensorFlow only once.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
import runpy
import shlex
import shutil
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from console.panels.query import body
from console.panels.scope import Scope
from console.panels.time_range import parse_range
from contract.artifact.contract import ModelContract
from contract.artifact.file import read_file
from kibana.panels.boards import boards
from oversight.commands.convert import command as convert
from tests.acceptance.commands import Terminal
from tests.conftest import ROOT
from tests.integration.converter.conftest import KERAS_ARRAY
from tests.servers import enrich_service
from tests.waiting import WAIT_S

pytestmark = pytest.mark.filterwarnings(KERAS_ARRAY)
EXAMPLES = ROOT / "docs" / "examples"
FIGURES = {
    "breast-cancer": {"accuracy": 0.93, "macro_f1": 0.92},
    "network-flows": {"accuracy": 0.95, "macro_f1": 0.9},
    "machine-metrics": {"roc_auc": 0.98, "found": 0.9},
}
"""The lowest allowed figures of each model on its test rows."""
PANELS = {
    "breast-cancer": {"findings.json": "threats-bar", "newest.json": "threats-details-per-user"},
    "network-flows": {"findings.json": "threats-bar", "newest.json": "threats-details-per-user"},
    "machine-metrics": {"features.json": "deviating-features", "top.json": "top-anomalies"},
}
"""The dashboard's panel that sends each query."""
NUMBER = re.compile(r"\b(version )[0-9a-f]{12}\b|\d[\d,.]*(?:e-?\d+)?")


@dataclass(frozen=True)
class Step:
    """A command of a page, and the lines that the page shows below it; `...` means any lines."""

    command: str
    printed: list[str]


def steps_of(page: Path) -> list[Step]:
    """The commands of a page, in order."""
    steps: list[Step] = []
    for block in re.findall(r"```console\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                steps.append(Step(line.removeprefix("$ "), []))
            elif line != "...":
                steps[-1].printed.append(line)
    return steps


class PageRunner:
    """Runs the commands of a page in a separate folder."""

    def __init__(self, folder: Path, engine_url: str, until_end: contextlib.ExitStack) -> None:
        self.folder = folder
        self._settings = {"ELASTICSEARCH_URL": engine_url}
        self._until_end = until_end

    def run(self, typed: str) -> str:
        """Run a command, which must succeed; returns its output."""
        words = shlex.split(typed.replace("$ELASTICSEARCH_URL", self._settings["ELASTICSEARCH_URL"]))
        match words:
            case ["export", setting]:
                name, _, value = setting.partition("=")
                self._settings[name] = value
                return ""
            case ["python", script]:
                return train(self.folder / script)
            case ["curl", "-s", url, "-H", "Content-Type: application/json", "-d", query]:
                return self._ask(url, (self.folder / query.removeprefix("@")).read_bytes())
            case ["oversight", "serve"]:
                model = self.folder / self._settings["OVERSIGHT_MODEL"]
                self._settings["OVERSIGHT_ENRICH_URL"] = self._until_end.enter_context(enrich_service(model))
                return ""
            case ["oversight", "convert", *options]:
                made = CliRunner().invoke(convert, options, catch_exceptions=False)
                assert made.exit_code == 0, made.output
                return made.stdout
            case ["oversight", *others]:
                done = Terminal(self.folder, self._settings).type(*others)
                assert done.returncode == 0, f"{typed}: {done.stdout} {done.stderr}"
                return done.stdout
        raise AssertionError(f"this test cannot run {typed!r}")

    @staticmethod
    def _ask(url: str, query: bytes) -> str:
        request = urllib.request.Request(url, query, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=WAIT_S) as answer:
            text: str = answer.read().decode()
            return text


def train(script: Path) -> str:
    """Run a training script in this folder, and return its output."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        runpy.run_path(str(script), run_name="__main__")
    return printed.getvalue()


@pytest.fixture(params=sorted(FIGURES))
def example(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """One example, copied to a new folder, which is the working directory."""
    name: str = request.param
    shutil.copytree(
        EXAMPLES / name, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.csv", "*.keras", "*.onnx")
    )
    monkeypatch.chdir(tmp_path)
    return name


@pytest.fixture
def runner(tmp_path: Path, embedded_url: str) -> Iterator[PageRunner]:
    with contextlib.ExitStack() as until_end:
        yield PageRunner(tmp_path, embedded_url, until_end)


def test_every_command_of_the_page_prints_what_the_page_shows(example: str, runner: PageRunner) -> None:
    steps = steps_of(runner.folder / "README.md")
    asked = [step for step in steps if step.command.startswith("curl ")]
    assert len(asked) == len(PANELS[example])
    for step in steps:
        printed = runner.run(step.command)
        if step in asked:
            (expected,) = step.printed
            assert shape(json.loads(printed)) == shape(json.loads(expected)), step.command
        else:
            assert missing_lines(step.printed, printed.splitlines()) == [], f"{step.command}\n{printed}"
    contract = read_file(runner.folder / "model.onnx").contract
    below = {name: contract.proved[name] for name, least in FIGURES[example].items() if contract.proved[name] < least}
    assert below == {}
    for file, panel in PANELS[example].items():
        query = json.loads((runner.folder / file).read_text(encoding="utf-8"))
        assert query == without_time(panel, contract, query), file


def without_time(panel: str, contract: ModelContract, query: Mapping[str, Any]) -> dict[str, Any]:
    """The query of the dashboard's panel without its time range, with the `size` of `query`."""
    (wanted,) = [each for each in boards(contract).dashboards[0].panels if each.id == panel]
    asked = body(wanted, Scope(parse_range("now-15m", "now", now_ms=1_800_000_000_000), {}))
    del asked["track_total_hits"]
    in_time, *_ = asked["query"]["bool"]["filter"]
    assert "range" in in_time
    asked["query"]["bool"]["filter"].remove(in_time)
    return {**asked, "size": query["size"]}


def missing_lines(shown: list[str], printed: list[str]) -> list[str]:
    """The lines of the page that are missing in the output, in this order; numbers may differ."""
    left = iter([masked(line) for line in printed])
    return [line for line in shown if masked(line) and masked(line) not in left]


def masked(line: str) -> str:
    return NUMBER.sub(lambda found: f"{found[1] or ''}#", " ".join(line.split()))


def shape(value: Any) -> Any:
    """The names and types of a JSON value, with the values of bucket keys. Lists of strings may differ in length."""
    match value:
        case dict():
            return {name: part if name == "key" else shape(part) for name, part in value.items()}
        case list():
            parts = [shape(part) for part in value]
            return parts if any(isinstance(part, dict) for part in parts) else sorted(set(parts))
        case str():
            return "text"
        case bool() | None:
            return value
    return "number"


def test_the_comparison_ignores_digits_but_not_words() -> None:
    """A line of the page may have other numbers in the output, but not other words."""
    assert missing_lines(["accuracy 0.95 on 171 rows"], ["accuracy 1 on 5,171 rows"]) == []
    assert missing_lines(["accuracy 0.95"], ["precision 0.95"]) == ["accuracy 0.95"]
    assert shape({"hits": [{"score": 1.5}]}) != shape({"hits": [{"score": "1.5"}]})
