"""A real enrich service that these tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.artifacts import write_model
from tests.servers import Service, running


@pytest.fixture(scope="session")
def turbine_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An artifact of another domain than the shipped one."""
    return write_model(tmp_path_factory.mktemp("turbine") / "model.onnx")


@pytest.fixture(scope="session")
def service(turbine_model: Path) -> Iterator[Service]:
    """`oversight serve` with that artifact, for tests that do not change it."""
    with running(turbine_model) as one:
        yield one
