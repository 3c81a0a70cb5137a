"""The small artifact that these tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

from enrich_service.model.artifact import Artifact, load
from tests.artifacts import write_model


@pytest.fixture(scope="session")
def turbine_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An artifact of another domain than the shipped one."""
    return write_model(tmp_path_factory.mktemp("turbine") / "model.onnx")


@pytest.fixture(scope="session")
def turbine(turbine_model: Path) -> Artifact:
    """The same artifact, opened."""
    return load(turbine_model)
