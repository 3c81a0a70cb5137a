"""A terminal in front of the engine, cleaned up afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from elasticsearch import Elasticsearch

from benchmarks.es_pipelines.removal import remove
from tests.acceptance.commands import Terminal


@pytest.fixture
def terminal(engine_url: str, es: Elasticsearch, namespace: str, tmp_path: Path) -> Iterator[Terminal]:
    """Commands with the settings of an own installation."""
    yield Terminal(tmp_path, {"ELASTICSEARCH_URL": engine_url, "OVERSIGHT_NAMESPACE": namespace})
    remove(es, namespace)
