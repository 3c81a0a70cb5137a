"""A replacement server for Kibana, and the command as a user types it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from oversight.cli import main
from tests.artifacts import write_model
from tests.kibana_server import FakeKibana, fake_kibana


@dataclass(frozen=True)
class Ran:
    """The result of a command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its output as JSON."""
        return json.loads(self.out)

    @property
    def line(self) -> str:
        """The single line of an error; fails if there are more."""
        lines = [line for line in self.err.splitlines() if not line.startswith("waiting: ")]
        assert len(lines) == 1, self.err
        return lines[0]


@pytest.fixture
def kibana() -> Iterator[FakeKibana]:
    """A server for this test only."""
    with fake_kibana() as server:
        yield server


@pytest.fixture
def run(kibana: FakeKibana, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """`oversight kibana ...` against that server."""
    monkeypatch.setenv("KIBANA_URL", kibana.url)
    for name in ("API_KEY", "API_KEY_FILE", "USERNAME", "PASSWORD"):
        monkeypatch.delenv(f"KIBANA_{name}", raising=False)

    def ran(*words: str, **env: str) -> Ran:
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        code = 0
        try:
            main(["kibana", *words])
        except SystemExit as ending:
            code = int(ending.code or 0)
        captured = capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    return ran


@pytest.fixture(scope="session")
def other_model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Path of an artifact with other labels."""
    return str(write_model(tmp_path_factory.mktemp("turbine") / "model.onnx"))
