"""Heartbeats: what a watcher writes about itself, and what `oversight status` reads."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from contract.documents.fields import properties, stream_name
from contract.documents.heartbeats import FIELDS, WORKING, heartbeat_index
from tests.integration.watcher.conftest import watch_run
from tests.integration.watcher.proxy import Call, FaultProxy, Reply, only, proxied
from tests.waiting import WAIT_S, wait_until
from watcher.enrich.circuit_breaker import Breaker
from watcher.monitor.blocked_indices import Blocked
from watcher.monitor.facts import Facts
from watcher.monitor.heartbeat import HeartbeatWriter, read_heartbeats
from watcher.monitor.reporter import reporting
from watcher.totals import Totals


@pytest.fixture
def es(engine_url: str) -> Iterator[Elasticsearch]:
    with Elasticsearch(engine_url, request_timeout=WAIT_S) as client:
        yield client


@pytest.fixture
def beats(es: Elasticsearch, namespace: str) -> Iterator[str]:
    """A namespace whose heartbeats are deleted at the end."""
    yield namespace
    es.indices.delete(index=heartbeat_index(namespace), ignore_unavailable=True)


def document(moment: datetime, **watcher: Any) -> dict[str, Any]:
    return {
        "@timestamp": moment.isoformat(),
        "host": {"name": "here"},
        "process": {"pid": 17},
        "watcher": {"id": "one", "interval_s": 10.0, "state": WORKING, "breaker": "closed", **watcher},
    }


def test_without_a_watcher_there_is_no_heartbeat(es: Elasticsearch, namespace: str) -> None:
    assert read_heartbeats(es, namespace) == []


def test_a_watcher_is_alive_for_three_intervals_unless_its_heartbeat_says_stopped(
    es: Elasticsearch, beats: str
) -> None:
    now = datetime.now(UTC)
    for name, age_s, state in (("new", 29, "working"), ("old", 31, "working"), ("ended", 1, "stopped")):
        assert HeartbeatWriter(es, beats, name).write(document(now - timedelta(seconds=age_s), id=name, state=state))
    es.indices.refresh(index=heartbeat_index(beats))
    found = {one.id: one for one in read_heartbeats(es, beats, now=now)}
    assert {name: one.alive for name, one in found.items()} == {"new": True, "old": False, "ended": False}
    assert found["old"].age_s == pytest.approx(31, abs=0.01)
    assert (found["new"].host, found["new"].pid) == ("here", 17)


def test_the_first_heartbeat_comes_before_the_count_of_pending_documents(engine_url: str, beats: str) -> None:
    """On a busy engine a search takes seconds, and `oversight status` must show the watcher meanwhile."""
    config = watch_run(stream_name(beats), "http://127.0.0.1:9", once=False, namespace=beats, heartbeat_s=10.0)
    facts = Facts(config, totals=Totals(), breaker=Breaker(), blocked=Blocked(60.0))
    heartbeat = f"/{heartbeat_index(beats)}/_doc/{facts.id}"
    with proxied(engine_url) as proxy, Elasticsearch(proxy.url) as watchers_client:
        with reporting(watchers_client, config, facts):
            wait_until(lambda: bool(proxy.requests(heartbeat) and _searches(proxy)), "a heartbeat and a search")
        assert proxy.calls.index(proxy.requests(heartbeat)[0]) < proxy.calls.index(_searches(proxy)[0])


def _searches(proxy: FaultProxy) -> list[Call]:
    return [call for call in proxy.calls if "/_search" in call.path]


def test_one_watcher_has_one_document_in_an_index_with_the_mapping_of_the_contract(
    es: Elasticsearch, beats: str
) -> None:
    writer, now = HeartbeatWriter(es, beats, "one"), datetime.now(UTC)
    for batches in range(3):
        assert writer.write(document(now, batches=batches))
    es.indices.refresh(index=heartbeat_index(beats))
    assert [one.batches for one in read_heartbeats(es, beats)] == [2]
    mapping = es.indices.get_mapping(index=heartbeat_index(beats))[heartbeat_index(beats)]["mappings"]
    stored = mapping["properties"]["watcher"]["properties"]
    assert set(stored) == set(properties(FIELDS)["watcher"]["properties"])


def test_documents_of_others_in_that_index_are_no_heartbeats(es: Elasticsearch, beats: str) -> None:
    HeartbeatWriter(es, beats, "one").write(document(datetime.now(UTC)))
    for other in ({"x": 1}, {"@timestamp": "2026-01-01T00:00:00Z", "watcher": {"state": "well"}}):
        es.index(index=heartbeat_index(beats), document=other)
    es.indices.refresh(index=heartbeat_index(beats))
    assert [one.id for one in read_heartbeats(es, beats)] == ["one"]


def test_a_missing_privilege_is_one_warning_that_names_the_fix(
    embedded_url: str, namespace: str, caplog: pytest.LogCaptureFixture
) -> None:
    with proxied(embedded_url) as engine, Elasticsearch(engine.url, max_retries=0) as es:
        engine.fault = only(f"/{heartbeat_index(namespace)}", Reply(403, b'{"error": {"type": "security_exception"}}'))
        writer = HeartbeatWriter(es, namespace, "one")
        assert not writer.write(document(datetime.now(UTC)))
        assert not writer.write(document(datetime.now(UTC)))
        lines = [record.message for record in caplog.records if record.levelno == logging.WARNING]
        assert len(lines) == 1
        assert f"privileges create_index, index and read on '{heartbeat_index(namespace)}*'" in lines[0]
        engine.fault = None
        assert writer.write(document(datetime.now(UTC)))
    with Elasticsearch(embedded_url) as es:
        es.indices.delete(index=heartbeat_index(namespace))


@pytest.mark.elasticsearch
def test_wrong_credentials_are_not_reported_as_a_missing_privilege(
    secured_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """One log line names the credentials to check."""
    with Elasticsearch(secured_url, basic_auth=("elastic", "not the password")) as stranger:
        writer = HeartbeatWriter(stranger, "stranger", "0" * 32)
        assert [writer.write({}), writer.write({})] == [False, False]
    (said,) = [record.getMessage() for record in caplog.records if record.name == "watcher.monitor.heartbeat"]
    assert "refuses the credentials (401" in said
    assert "ELASTICSEARCH_PASSWORD" in said
    assert "privilege" not in said
