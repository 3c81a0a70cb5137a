"""A cluster that the developer names is used only if it is empty or says that it is for tests."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from elasticsearch import Elasticsearch

from tests import given_engines
from tests.conftest import ROOT
from tests.waiting import WAIT_S


@pytest.fixture(
    params=[
        pytest.param("opensearch", marks=pytest.mark.opensearch),
        pytest.param("elasticsearch", marks=pytest.mark.elasticsearch),
    ]
)
def cluster(request: pytest.FixtureRequest) -> Iterator[Elasticsearch]:
    with Elasticsearch(request.getfixturevalue(f"{request.param}_url"), request_timeout=WAIT_S) as es:
        yield es


def test_what_a_cluster_holds_and_says_is_read_from_it(cluster: Elasticsearch, namespace: str) -> None:
    before = cluster.cluster.get_settings(flat_settings=True)["transient"].get(given_engines.MARK)
    cluster.indices.create(index=f"{namespace}-a", settings={"hidden": True})
    try:
        assert f"{namespace}-a" in given_engines.indices_of(cluster)
        cluster.cluster.put_settings(transient={given_engines.MARK: "true"})
        assert given_engines.is_marked(cluster)
    finally:
        cluster.indices.delete(index=f"{namespace}-a")
        cluster.cluster.put_settings(transient={given_engines.MARK: before})


def test_only_an_empty_or_a_marked_cluster_is_used() -> None:
    assert given_engines.why_refused(False, []) is None
    assert given_engines.why_refused(True, ["orders"]) is None
    reason = given_engines.why_refused(False, ["orders", "people"])
    assert reason is not None
    assert "2 indices, such as orders" in reason
    assert '{"persistent": {"cluster.metadata.oversight_tests": "true"}}' in reason


def test_a_run_with_a_cluster_that_is_in_use_ends_before_its_first_test(embedded_url: str, namespace: str) -> None:
    with Elasticsearch(embedded_url, request_timeout=WAIT_S) as es:
        es.index(index=f"orders-{namespace}", document={"of": "a customer"}, refresh=True)
        try:
            done = _pytest(OVERSIGHT_TEST_OPENSEARCH_URL=embedded_url)
        finally:
            es.indices.delete(index=f"orders-{namespace}")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert f"OVERSIGHT_TEST_OPENSEARCH_URL: the cluster at {embedded_url} has data in" in done.stderr
    assert "passed" not in done.stdout


def test_a_run_with_an_address_where_nothing_answers_says_so() -> None:
    done = _pytest(OVERSIGHT_TEST_SECURED_URL="http://127.0.0.1:9")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "OVERSIGHT_TEST_SECURED_URL: the cluster at http://127.0.0.1:9 does not answer" in done.stderr


def _pytest(**addresses: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "pytest", "tests/unit/test_order.py", "-q", "-p", "no:cacheprovider"]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OVERSIGHT_TEST_")}
    return subprocess.run(
        words, cwd=ROOT, env=kept | addresses, capture_output=True, text=True, timeout=WAIT_S, check=False
    )
