"""From a raw line to a prediction in the provisioned stream, with real pipelines, data streams and rollover."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from elasticsearch import Elasticsearch

from benchmarks.es_pipelines.removal import remove
from contract.documents.fields import stream_name
from es_pipelines.definition.parameters import pipeline_id
from es_pipelines.provision.apply import provision
from tests.artifacts import TURBINE
from tests.integration.watcher.conftest import Place
from watcher.operations.status import read_status

LINES = ("61.5,steady,1.2", "125,steady,1.5", "60,steady,22.5")
"""Healthy, overheating and worn, as a shipper sends them."""
LABELS = ("healthy", "overheating", "bearing_wear")


@pytest.fixture(params=["embedded", pytest.param("opensearch", marks=pytest.mark.opensearch)])
def engine_url(request: pytest.FixtureRequest) -> str:
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def stream(es: Elasticsearch, namespace: str) -> Iterator[Place]:
    """The stream of an own installation."""
    provision(es, TURBINE, namespace=namespace)
    yield Place(es, stream_name(namespace))
    remove(es, namespace)


def send(stream: Place, start: int, count: int) -> None:
    lines: list[dict[str, object]] = []
    for number in range(start, start + count):
        lines += [{"create": {"_index": stream.index, "_id": f"line-{number}"}}, {"message": LINES[number % 3]}]
    answer = stream.es.bulk(operations=lines, refresh=True)
    assert not answer["errors"], answer["items"][0]


def test_raw_lines_become_predictions(stream: Place, service: str) -> None:
    send(stream, 0, 30)
    stream.es.index(index=stream.index, document={"message": "no,numbers"}, op_type="create", refresh=True)
    assert stream.count("pending") == 30
    totals = stream.watch(service)
    assert (totals.enriched, totals.failed, totals.trouble) == (30, 0, None)
    for doc_id, source in stream.sources().items():
        if not doc_id.startswith("line-"):
            assert source["oversight"]["status"] == "failed"
            continue
        number = int(doc_id.removeprefix("line-"))
        assert source["oversight"]["prediction"]["label"] == LABELS[number % 3]
        assert source["event"]["original"] == LINES[number % 3]
        assert source["event"]["kind"] == ("event" if number % 3 == 0 else "alert")
    status = read_status(stream.es, stream.index)
    assert (status.pending, status.enriched, status.failed) == (0, 30, 1)
    assert [failure.count for failure in status.failures] == [1]


def test_the_fields_of_the_pipeline_stay_after_the_prediction(stream: Place, service: str) -> None:
    """A prediction adds fields; it removes neither the raw line nor the fields of the pipeline."""
    send(stream, 0, 3)
    before = stream.sources()
    stream.watch(service)
    for doc_id, source in stream.sources().items():
        was = before[doc_id]
        assert source["turbine"] == was["turbine"]
        assert source["@timestamp"] == was["@timestamp"]
        assert {key: source["event"][key] for key in was["event"] if key not in ("kind", "category", "type")} == {
            key: value for key, value in was["event"].items() if key not in ("kind", "category", "type")
        }


@pytest.mark.opensearch
def test_the_update_runs_no_pipeline_again(opensearch_url: str, namespace: str, service: str) -> None:
    """Neither the default nor a final pipeline runs: each counts the documents that pass it."""
    with Elasticsearch(opensearch_url) as es:
        provision(es, TURBINE, namespace=namespace)
        stream, counter = Place(es, stream_name(namespace)), f"oversight-test-counter-{namespace}"
        count = {"source": "ctx.tags = ctx.tags == null ? ['seen'] : ctx.tags; ctx.tags.add('seen')"}
        es.ingest.put_pipeline(id=counter, processors=[{"script": count}])
        last = [{"pipeline": {"name": pipeline_id("router", namespace)}}, {"script": count}]
        es.ingest.put_pipeline(id=f"{counter}-last", processors=last)
        try:
            es.indices.put_settings(
                index=stream.index,
                settings={"index.default_pipeline": counter, "index.final_pipeline": f"{counter}-last"},
            )
            send(stream, 0, 9)
            before = {doc_id: source["tags"] for doc_id, source in stream.sources().items()}
            assert before["line-0"] == ["seen"] * 3
            stream.watch(service)
            assert {doc_id: source["tags"] for doc_id, source in stream.sources().items()} == before
            assert stream.statuses() == ["enriched"] * 9
            assert stream.versions() == {2}
        finally:
            remove(es, namespace)
            es.ingest.delete_pipeline(id=counter)
            es.ingest.delete_pipeline(id=f"{counter}-last")


@pytest.mark.opensearch
def test_documents_of_rolled_over_indices_are_enriched_where_they_are(
    opensearch_url: str, namespace: str, service: str
) -> None:
    """Pending documents are in three backing indices; the same ids occur in several, and each is a separate
    document.
    """
    with Elasticsearch(opensearch_url) as es:
        provision(es, TURBINE, namespace=namespace)
        stream = Place(es, stream_name(namespace))
        try:
            for _ in range(3):
                send(stream, 0, 20)
                es.indices.rollover(alias=stream.index)
            totals = stream.watch(service, page_size=7)
            assert totals.enriched == 60
            es.indices.refresh(index=stream.index)
            hits = es.search(index=stream.index, size=100, version=True)["hits"]["hits"]
            assert len(hits) == 60
            assert len({hit["_index"] for hit in hits}) == 3
            assert {hit["_version"] for hit in hits} == {2}
            assert {hit["_source"]["oversight"]["status"] for hit in hits} == {"enriched"}
            alerts = [hit for hit in hits if hit["_source"]["event"]["kind"] == "alert"]
            assert alerts
            assert all(hit["_source"]["rule"]["ruleset"] == "oversight" for hit in alerts)  # the stream is ours
        finally:
            remove(es, namespace)
