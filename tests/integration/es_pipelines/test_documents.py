"""Cases that golden files cannot show: very large events, and stored documents."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from benchmarks.es_pipelines.removal import remove
from contract.documents.fields import stream_name
from es_pipelines.provision.apply import provision
from tests.pipelines import KDD99, LINE, creations, simulate
from tests.waiting import WAIT_S

MEGABYTE = 1024 * 1024
ON_OPENSEARCH = pytest.mark.parametrize(
    "each", [pytest.param("opensearch", marks=pytest.mark.opensearch)], indirect=True
)


@pytest.fixture(scope="module")
def namespace() -> str:
    """One installation for all documents; each test reads its document by id."""
    return f"documents{uuid.uuid4().hex[:8]}"


@pytest.fixture(scope="module", params=["embedded", pytest.param("opensearch", marks=pytest.mark.opensearch)])
def each(request: pytest.FixtureRequest, namespace: str) -> Iterator[Elasticsearch]:
    """Each engine with pipelines in turn, provisioned."""
    with Elasticsearch(request.getfixturevalue(f"{request.param}_url"), request_timeout=WAIT_S) as client:
        provision(client, KDD99, namespace=namespace)
        yield client
        remove(client, namespace)


@pytest.fixture
def streams(each: Elasticsearch) -> Elasticsearch:
    """The one of these engines that has data streams."""
    return each


def stored(es: Elasticsearch, namespace: str, document: dict[str, Any]) -> dict[str, Any]:
    """The stored document of a request that creates it in the stream."""
    (item,) = es.bulk(index=stream_name(namespace), operations=creations([document]), refresh=True)["items"]
    assert "error" not in item["create"], item
    return dict(es.get(index=item["create"]["_index"], id=item["create"]["_id"]))


@pytest.mark.parametrize(
    "line",
    [
        "x" * MEGABYTE,
        "," * MEGABYTE,
        '"' * MEGABYTE,
        json.dumps({"a": "x" * MEGABYTE}),
        '{"a":' * 2000 + "1" + "}" * 2000,
    ],
    ids=["letters", "commas", "quotes", "json", "deep"],
)
def test_a_line_of_a_megabyte_is_kept(each: Elasticsearch, namespace: str, line: str) -> None:
    """A runaway line becomes a failed document and is not lost."""
    document = stored(each, namespace, {"message": line})["_source"]
    assert document["oversight"]["status"] == "failed"
    assert document["event"]["original"] == line


@ON_OPENSEARCH
@pytest.mark.data
def test_every_line_of_the_sensor_logs_becomes_pending(
    streams: Elasticsearch, namespace: str, shared_data: Path
) -> None:
    """The files as sensors write them: each header is dropped, each row is an event."""
    logs = sorted((shared_data / "sensor-logs").glob("*.csv"))
    lines = [line for log in logs for line in log.read_bytes().decode().splitlines()]
    stream = stream_name(namespace)
    pending, before = {"term": {"oversight.status": "pending"}}, streams.count(index=stream)["count"]
    pending_before = streams.count(index=stream, query=pending)["count"]
    answer = streams.bulk(index=stream, operations=creations({"message": line} for line in lines), refresh=True)
    assert not answer["errors"]
    assert streams.count(index=stream)["count"] - before == len(lines) - len(logs) == 671
    assert streams.count(index=stream, query=pending)["count"] - pending_before == 671


@ON_OPENSEARCH
def test_a_line_of_many_fields_takes_the_engine_little_time(streams: Elasticsearch, namespace: str) -> None:
    """A sender can write any line: of 20,000 fields the first thousand and the features are read, the text is stored
    whole.
    """
    columns = {column.name: "1" for column in KDD99.features}
    line = json.dumps({f"field{number}": number for number in range(20_000)} | {"kdd99": columns})
    document = stored(streams, namespace, {"message": line})["_source"]
    assert document["oversight"]["status"] == "pending"
    assert document["event"]["original"] == line
    assert len(document) < 1_100
    assert [item["field"] for item in document["oversight"]["rejected"]] == ["event.original"]


@ON_OPENSEARCH
def test_a_line_of_more_items_than_an_engine_reads_is_kept(streams: Elasticsearch, namespace: str) -> None:
    """Engines limit the loops of a script; beyond that only the line is kept, with its own error code."""
    document = stored(streams, namespace, {"message": LINE, "user": {"id": "ann"}, "list": [1] * 1_100_000})["_source"]
    assert document["error"]["type"] == "too_many_fields"
    assert document["event"]["original"] == LINE
    assert {item["field"] for item in document["oversight"]["rejected"]} == {"list", "user"}


@ON_OPENSEARCH
def test_a_bulk_update_does_not_run_the_pipeline_again(streams: Elasticsearch, namespace: str) -> None:
    """The watcher's write must not make an enriched document pending again."""
    hit = stored(streams, namespace, {"message": LINE})
    action = {
        "_index": hit["_index"],
        "_id": hit["_id"],
        "if_seq_no": hit["_seq_no"],
        "if_primary_term": hit["_primary_term"],
    }
    update = {"doc": {"oversight": {"status": "enriched", "prediction": {"label": "normal"}}}}
    (item,) = streams.bulk(operations=[{"update": action}, update], refresh=True)["items"]
    assert item["update"]["status"] == 200
    after = streams.get(index=hit["_index"], id=hit["_id"])["_source"]
    assert after["oversight"] == {"status": "enriched", "prediction": {"label": "normal"}}
    assert after["event"] == hit["_source"]["event"]


@ON_OPENSEARCH
def test_a_shipper_cannot_pass_for_a_stored_document(streams: Elasticsearch, namespace: str) -> None:
    """A document sent to the stream's name is new, whatever its fields say; only one sent to a backing index runs
    again.
    """
    hit = stored(streams, namespace, {"message": LINE})
    forged = dict(hit["_source"])
    forged["oversight"] = {"status": "pending", "feedback": {"verdict": "false_positive"}}
    new = stored(streams, namespace, forged)["_source"]
    assert "feedback" not in new["oversight"]
    assert new["event"]["ingested"] >= hit["_source"]["event"]["ingested"]
    (again,) = simulate(streams, namespace, [forged], index=hit["_index"])
    assert again is not None
    assert again["oversight"] == forged["oversight"]
    assert again["event"]["ingested"] == hit["_source"]["event"]["ingested"]


@ON_OPENSEARCH
def test_integers_beyond_64_bits_lose_no_event(streams: Elasticsearch, namespace: str) -> None:
    """OpenSearch runs no script on such a document; processors without a script keep the line, also on a second run."""
    line = json.dumps({"src_bytes": 2**64, "service": "http"})
    from_line = stored(streams, namespace, {"message": line})["_source"]
    assert from_line["error"]["type"] == "not_finite"
    assert from_line["oversight"]["failure"]["pipeline"] == f"oversight-json-{namespace}"
    shipped = {"message": LINE, "uid": 2**64, "oversight": {"status": "enriched"}, "user": {"id": "ann"}}
    first = stored(streams, namespace, shipped)["_source"]
    (again,) = simulate(streams, namespace, [{**first, "uid": 1}], index=f".ds-{stream_name(namespace)}-000001")
    assert again is not None
    assert again["oversight"]["status"] == "pending"
    for document, original in ((from_line, line), (first, LINE)):
        assert document["oversight"]["status"] == "failed"
        assert document["event"]["original"] == original
    assert first["uid"] == 2**64
    assert first["user"] == {"id": "ann"}


def test_numbers_beyond_every_format_fail_and_stay(each: Elasticsearch, namespace: str) -> None:
    """In a JSON line 1e999 is infinite on one engine and invalid JSON on another; both keep it as failed."""
    fields = json.dumps({column.name: "1" for column in KDD99.features}).replace(
        '"src_bytes": "1"', '"src_bytes": 1e999'
    )
    document = stored(each, namespace, {"message": fields})["_source"]
    assert document["oversight"]["status"] == "failed"
    assert document["error"]["type"] in ("not_finite", "invalid_json")
    assert document["event"]["original"] == fields
