"""A small artifact that these tests share."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask.testing import FlaskClient

from enrich_service.http.app import create_app
from enrich_service.model.artifact import load
from enrich_service.predict.enrich import Enricher
from enrich_service.settings import ServeSettings
from tests.artifacts import write_model


@pytest.fixture(scope="session")
def turbine_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An artifact from another domain than the shipped one."""
    return write_model(tmp_path_factory.mktemp("turbine") / "model.onnx")


@pytest.fixture(scope="session")
def enricher(turbine_model: Path) -> Enricher:
    """An enricher for that model."""
    return Enricher(load(turbine_model))


@pytest.fixture(scope="session")
def client(turbine_model: Path) -> FlaskClient:
    """A test client of the routes, without a server."""
    return create_app(load(turbine_model), ServeSettings()).test_client()
