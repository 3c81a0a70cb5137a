"""One installation for each engine, in which all golden cases run."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from elasticsearch import Elasticsearch

from es_pipelines.provision import provision, remove
from tests.pipelines import KDD99

GOLDEN_NAMESPACE = f"golden{uuid.uuid4().hex[:8]}"


@pytest.fixture(scope="session", params=["embedded", pytest.param("opensearch", marks=pytest.mark.opensearch)])
def provisioned(request: pytest.FixtureRequest) -> Iterator[Elasticsearch]:
    """A client of each engine in turn, provisioned."""
    yield from _provisioned(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture(scope="session")
def provisioned_streams(opensearch_url: str) -> Iterator[Elasticsearch]:
    """A client of the engine that has data streams and refuses what Elasticsearch refuses, provisioned."""
    yield from _provisioned(opensearch_url)


def _provisioned(url: str) -> Iterator[Elasticsearch]:
    with Elasticsearch(url, request_timeout=60) as client:
        provision(client, KDD99, namespace=GOLDEN_NAMESPACE)
        yield client
        remove(client, GOLDEN_NAMESPACE)
