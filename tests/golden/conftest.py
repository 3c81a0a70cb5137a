"""Three installations for each engine, in which all golden cases run: those of `flow/` under a model without content
columns, those of `pump/` under one that reads dates, booleans and gaps.
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
"""The models that golden cases run under; those of the first are in all groups that do not have a model's name."""


def namespace_of(group: str) -> str:
    """The installation that a group of cases runs in."""
    return f"{GOLDEN_NAMESPACE}{group}" if group in MODELS else GOLDEN_NAMESPACE


@pytest.fixture(scope="session")
def client_of(embedded_url: str) -> Iterator[Callable[[str], Elasticsearch]]:
    """A client of the engine at an address, provisioned when it is first asked for; the embedded one ends after it."""
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
    """A client of each engine in turn, provisioned."""
    return client_of(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture(scope="session")
def provisioned_streams(opensearch_url: str, client_of: Callable[[str], Elasticsearch]) -> Elasticsearch:
    """A client of the engine that has data streams and refuses what Elasticsearch refuses, provisioned."""
    return client_of(opensearch_url)
