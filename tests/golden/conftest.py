"""Two installations for each engine, in which all golden cases run: those of `flow/` under a model without content columns."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from elasticsearch import Elasticsearch

from es_pipelines.provision import provision, remove
from tests.pipelines import FLOW, KDD99

GOLDEN_NAMESPACE = f"golden{uuid.uuid4().hex[:8]}"
STREAM_NAMESPACE = f"stored{uuid.uuid4().hex[:8]}"
"""Where the cases are stored; apart, because both fixtures may live at once and each removes its own."""
FLOW_GROUP = "flow"


def namespace_of(group: str, namespace: str) -> str:
    """The installation that a group of cases runs in."""
    return f"{namespace}{FLOW_GROUP}" if group == FLOW_GROUP else namespace


@pytest.fixture(scope="session", params=["embedded", pytest.param("opensearch", marks=pytest.mark.opensearch)])
def provisioned(request: pytest.FixtureRequest) -> Iterator[Elasticsearch]:
    """A client of each engine in turn, provisioned."""
    yield from _provisioned(request.getfixturevalue(f"{request.param}_url"), GOLDEN_NAMESPACE)


@pytest.fixture(scope="session")
def provisioned_streams(opensearch_url: str) -> Iterator[Elasticsearch]:
    """A client of the engine that has data streams and refuses what Elasticsearch refuses, provisioned."""
    yield from _provisioned(opensearch_url, STREAM_NAMESPACE)


def _provisioned(url: str, namespace: str) -> Iterator[Elasticsearch]:
    with Elasticsearch(url, request_timeout=60) as client:
        provision(client, KDD99, namespace=namespace)
        provision(client, FLOW, namespace=namespace_of(FLOW_GROUP, namespace))
        yield client
        remove(client, namespace)
        remove(client, namespace_of(FLOW_GROUP, namespace))
