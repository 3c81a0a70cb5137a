"""The shipped model for flows, opened."""

from __future__ import annotations

import pytest

from common.settings.shared import DEFAULT_MODEL
from enrich_service.model.artifact import Artifact, load


@pytest.fixture(scope="session")
def flow_model() -> Artifact:
    return load(DEFAULT_MODEL.parents[1] / "kdd99-flow" / "model.onnx")
