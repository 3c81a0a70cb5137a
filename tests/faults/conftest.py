"""Fixtures of the fault tests: a real enrich service, an index on each engine, a table row for tests that fail."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.artifacts import write_model
from tests.faults.trial import IN_THE_TABLE, Row
from tests.faults.trial_index import TrialIndex, trial_index_on
from tests.servers import enrich_service


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small real artifact."""
    return write_model(tmp_path_factory.mktemp("turbine") / "model.onnx")


@pytest.fixture(scope="session")
def service(model: Path) -> Iterator[str]:
    """Address of a real enrich service that no test kills."""
    with enrich_service(model) as url:
        yield url


@pytest.fixture
def engine_url(engine: str, request: pytest.FixtureRequest) -> str:
    """Address of the engine that a test uses."""
    url: str = request.getfixturevalue(f"{engine}_url")
    return url


@pytest.fixture
def trial_index(engine: str, engine_url: str, namespace: str, tmp_path: Path) -> Iterator[TrialIndex]:
    """An index for the documents of one test."""
    with trial_index_on(engine, engine_url, namespace, tmp_path) as place:
        yield place


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Write a row for a test that fails before its trial starts."""
    report = yield
    error = None if call.excinfo is None else call.excinfo.value
    if report.failed and error is not None and IN_THE_TABLE not in getattr(error, "__notes__", ()):
        engine = (
            str(getattr(item, "callspec", None) and item.callspec.params.get("engine", ""))
            if isinstance(item, pytest.Function)
            else ""
        )
        Row("other", item.name, engine, failure=" ".join(f"{report.when}: {error}".split())[:200]).write()
    return report
