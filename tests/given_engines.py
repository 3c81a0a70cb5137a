"""Engines that the developer names in the environment, in place of those that a test run starts.

    OVERSIGHT_TEST_OPENSEARCH_URL ─┐
    OVERSIGHT_TEST_ELASTICSEARCH_URL ├─▶ empty, or marked as a cluster for tests? ──▶ the tests use it
    OVERSIGHT_TEST_SECURED_URL ────┘                      └─▶ neither: the run ends before its first test

Tests create users, delete indices of their own and change settings of the cluster, so a cluster with anyone's data is
refused.
"""

from __future__ import annotations

import os

from elastic_transport import TransportError
from elasticsearch import ApiError, Elasticsearch

from tests.waiting import WAIT_S

ENGINES = ("opensearch", "elasticsearch", "secured")
PASSWORD = os.environ.get("OVERSIGHT_TEST_SECURED_PASSWORD", "not-the-default-1")
"""Password of the user `elastic` on the engine with security."""
MARK = "cluster.metadata.oversight_tests"
"""Setting of a cluster that says that it is for tests. Both products take any key below `cluster.metadata`."""


def variable(engine: str) -> str:
    """Return the environment variable with an engine's address."""
    return f"OVERSIGHT_TEST_{engine.upper()}_URL"


def address(engine: str) -> str | None:
    """Return the address from the environment; None if the test run starts the engine itself."""
    return os.environ.get(variable(engine)) or None


def problems() -> list[str]:
    """Return why each cluster of the environment may not be used, one line each; empty if all of them may."""
    return [problem for engine in ENGINES if (problem := _problem_of(engine)) is not None]


def _problem_of(engine: str) -> str | None:
    url = address(engine)
    if url is None:
        return None
    login = ("elastic", PASSWORD) if engine == "secured" else None
    with Elasticsearch(url, basic_auth=login, request_timeout=WAIT_S) as es:
        try:
            reason = why_refused(is_marked(es), indices_of(es))
        except (ApiError, TransportError) as error:
            reason = f"does not answer ({type(error).__name__}: {str(error)[:200]})"
    return None if reason is None else f"{variable(engine)}: the cluster at {url} {reason}"


def why_refused(marked: bool, indices: list[str]) -> str | None:
    """Return why tests may not use a cluster; None if they may.

    Args:
        marked: the cluster says that it is for tests.
        indices: its indices.
    """
    if marked or not indices:
        return None
    return (
        f"has data in {len(indices)} indices, such as {indices[0]}, and tests change clusters. "
        "Use an empty one. If this one is for tests, say so: "
        f'PUT /_cluster/settings with {{"persistent": {{"{MARK}": "true"}}}}'
    )


def is_marked(es: Elasticsearch) -> bool:
    """Whether a cluster says that it is for tests."""
    settings = es.cluster.get_settings(flat_settings=True)
    return any(settings[kind].get(MARK) == "true" for kind in ("persistent", "transient"))


def indices_of(es: Elasticsearch) -> list[str]:
    """Return the names of all indices with data of users, also hidden and closed ones."""
    without_system = ["*", "-.*", ".ds-*"]
    return sorted(es.indices.get_alias(index=without_system, expand_wildcards="all"))
