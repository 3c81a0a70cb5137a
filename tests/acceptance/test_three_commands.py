"""The commands of a user with a cluster: provision, ship, serve, watch."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from elasticsearch import Elasticsearch
from elasticsearch.helpers import scan

from common.settings.shared import DEFAULT_MODEL
from contract.documents.fields import stream_name
from oversight.demo.ports import free_port
from tests.acceptance.commands import Terminal
from tests.servers import enrich_service
from tests.waiting import WAIT_S, wait_until

EVENTS = {"alpha": 30, "bravo": 417, "delta": 224}
"""Number of lines in each sensor log without the header; 627 of the 671 are distinct."""


def _documents(es: Elasticsearch, stream: str) -> list[dict[str, Any]]:
    es.indices.refresh(index=stream)
    return list(scan(es, index=stream))


def _pending(es: Elasticsearch, stream: str) -> int:
    """Number of pending documents. Uses a request, because `oversight status` would need a process for each call."""
    es.indices.refresh(index=stream)
    return int(es.count(index=stream, query={"term": {"oversight.status": "pending"}})["count"])


@pytest.mark.data
def test_all_671_events_get_a_prediction_and_shipping_again_adds_none(
    terminal: Terminal, es: Elasticsearch, namespace: str, shared_data: Path
) -> None:
    logs, stream = sorted((shared_data / "sensor-logs").glob("*.csv")), stream_name(namespace)
    assert terminal.type("provision").returncode == 0
    first = terminal.json("ship", *logs)
    assert (first["stored"], first["headers"], first["refused"]) == (671, 3, 0)
    with enrich_service(DEFAULT_MODEL) as url:
        done = terminal.type("watch", "--once", OVERSIGHT_ENRICH_URL=url)
        assert done.returncode == 0, done.stdout + done.stderr

    documents = [hit["_source"] for hit in _documents(es, stream)]
    assert Counter(document["user"]["id"] for document in documents) == EVENTS
    assert all(document["oversight"]["status"] == "enriched" for document in documents)
    assert all(document["oversight"]["prediction"]["label"] for document in documents)
    assert len({document["event"]["original"] for document in documents}) == 627
    assert {hit["_version"] for hit in scan(es, index=stream, query={"version": True})} == {2}

    again = terminal.json("ship", *logs)
    assert (again["stored"], again["refused"]) == (0, 0)
    assert len(_documents(es, stream)) == 671
    status = terminal.json("status")
    assert (status["pending"], status["enriched"], status["failed"]) == (0, 671, 0)


@pytest.mark.data
@pytest.mark.opensearch
def test_shipping_again_after_a_rollover_adds_none_even_without_the_registry(
    opensearch_url: str, namespace: str, shared_data: Path, tmp_path: Path
) -> None:
    """Ids are unique only within a backing index, so `ship` searches the stream."""
    from benchmarks.es_pipelines.removal import remove

    terminal = Terminal(tmp_path, {"ELASTICSEARCH_URL": opensearch_url, "OVERSIGHT_NAMESPACE": namespace})
    log, stream = shared_data / "sensor-logs" / "delta.csv", stream_name(namespace)
    with Elasticsearch(opensearch_url) as es:
        try:
            assert terminal.type("provision").returncode == 0
            assert terminal.json("ship", log)["stored"] == EVENTS["delta"]
            es.indices.rollover(alias=stream)
            assert terminal.json("ship", log)["stored"] == 0
            forgetful = Terminal(tmp_path, {**terminal.settings, "OVERSIGHT_STATE": str(tmp_path / "elsewhere")})
            assert forgetful.json("ship", log)["stored"] == 0
            assert len(_documents(es, stream)) == EVENTS["delta"]
        finally:
            remove(es, namespace)


def test_events_that_arrive_while_the_service_is_down_are_predicted_when_it_is_back(
    terminal: Terminal, es: Elasticsearch, namespace: str, tmp_path: Path
) -> None:
    """The watcher keeps running and needs no command to recover from the outage."""
    stream, port = stream_name(namespace), free_port()
    down = Terminal(tmp_path, {**terminal.settings, "OVERSIGHT_ENRICH_URL": f"http://127.0.0.1:{port}"})
    assert down.type("provision").returncode == 0
    assert down.type("simulate", "--events", "200", "--output", tmp_path / "traffic").returncode == 0
    watcher = down.start("watch", log=tmp_path / "watch.log")
    try:
        shipped = down.json("ship", *sorted((tmp_path / "traffic").glob("*.csv")))["stored"]
        assert shipped >= 190
        log = tmp_path / "watch.log"
        wait_until(lambda: f":{port}" in log.read_text(encoding="utf-8"), "the watcher to name the unreachable service")
        assert down.json("status")["pending"] == shipped
        service = down.start("serve", "--bind", f"127.0.0.1:{port}", log=tmp_path / "serve.log")
        try:
            wait_until(lambda: _pending(es, stream) == 0, "the predictions")
            assert down.json("status")["enriched"] == shipped, log.read_text(encoding="utf-8")
        finally:
            service.terminate()
            service.wait(WAIT_S)
    finally:
        watcher.terminate()
        assert watcher.wait(WAIT_S) == 0
    found = [hit["_source"] for hit in _documents(es, stream)]
    assert len(found) == shipped
    for document in found:
        assert {"ip"} <= document["source"].keys() & document["destination"].keys(), "who talked to whom is stored"
        assert isinstance(document["source"].get("port", 0), int)
