"""Three installations on each engine for the golden cases: `flow/` has a model of flow logs' columns, `pump/` a model
with dates, booleans and missing values.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache

import pytest
from elasticsearch import Elasticsearch

from benchmarks.es_pipelines.removal import remove
from contract.artifact.contract import ModelContract
from es_pipelines.provision.apply import provision
from tests.pipelines import FLOW, KDD99
from tests.tasks import MIXED
from tests.waiting import WAIT_S

GOLDEN_NAMESPACE = f"golden{uuid.uuid4().hex[:8]}"
MODELS: dict[str, ModelContract] = {"": KDD99, "flow": FLOW, "pump": MIXED}
"""The model of each group of cases; groups that are not listed use the first."""


def namespace_of(group: str) -> str:
    """The installation for a group of cases."""
    return f"{GOLDEN_NAMESPACE}{group}" if group in MODELS else GOLDEN_NAMESPACE


@pytest.fixture(scope="session")
def client_of(embedded_url: str) -> Iterator[Callable[[str], Elasticsearch]]:
    """Gives a client for the engine at an address. The first call for an engine provisions it."""
    with ExitStack() as at_the_end:

        @cache
        def client(url: str) -> Elasticsearch:
            es = at_the_end.enter_context(Elasticsearch(url, request_timeout=WAIT_S))
            for group, contract in MODELS.items():
                namespace = namespace_of(group)
                at_the_end.callback(remove, es, namespace)
                provision(es, contract, namespace=namespace)
            return es

        yield client


@pytest.fixture(scope="session", params=["embedded", pytest.param("opensearch", marks=pytest.mark.opensearch)])
def provisioned(request: pytest.FixtureRequest, client_of: Callable[[str], Elasticsearch]) -> Elasticsearch:
    """A client for each provisioned engine in turn."""
    return client_of(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture(scope="session")
def provisioned_streams(opensearch_url: str, client_of: Callable[[str], Elasticsearch]) -> Elasticsearch:
    """A client for the provisioned engine that has data streams and the limits of Elasticsearch."""
    return client_of(opensearch_url)
