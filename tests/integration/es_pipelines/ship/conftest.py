"""A stream with a small ingest pipeline for shipping tests: only what the shipper needs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from contract.documents.fields import stream_name
from es_pipelines.ship.shipper import ShipConfig

PROCESSORS: list[dict[str, Any]] = [
    {"drop": {"if": "ctx.message != null && ctx.message.startsWith('duration,')"}},
    {"set": {"field": "@timestamp", "value": "{{{_ingest.timestamp}}}"}},
    {"rename": {"field": "message", "target_field": "event.original"}},
    {"set": {"field": "oversight.status", "value": "pending"}},
]
KEYWORD = {"type": "keyword", "index": False, "doc_values": False}


def mappings(**extra: Any) -> dict[str, Any]:
    """A mapping that indexes the position of a line and stores the rest."""
    log_fields = {"file": {"properties": {"path": {"type": "keyword"}}}, "offset": {"type": "long"}}
    event = {"properties": {"original": KEYWORD, "kind": {"type": "keyword"}}}
    known = {"@timestamp": {"type": "date"}, "log": {"properties": log_fields}, "event": event}
    return {"dynamic": False, "properties": {**known, **extra}}


def make_stream(
    es: Elasticsearch, stream: str, mapping: dict[str, Any], settings: dict[str, Any] | None = None
) -> None:
    """Create pipeline and template; the first event creates the data stream (or plain index)."""
    es.ingest.put_pipeline(id=f"oversight-test-{stream}", processors=PROCESSORS)
    own = {"index.default_pipeline": f"oversight-test-{stream}", "number_of_replicas": 0, **(settings or {})}
    es.indices.put_index_template(
        name=f"oversight-test-{stream}",
        index_patterns=[stream],
        priority=1000,
        data_stream={},
        template={"settings": own, "mappings": mapping},
    )


def remove_stream(es: Elasticsearch, stream: str) -> None:
    """Remove everything that `make_stream` and the test created."""
    absent = es.options(ignore_status=[400, 404])
    absent.indices.delete_data_stream(name=stream)
    absent.indices.delete(index=stream)
    absent.indices.delete_index_template(name=f"oversight-test-{stream}")
    absent.ingest.delete_pipeline(id=f"oversight-test-{stream}")


@pytest.fixture
def stream(es: Elasticsearch, namespace: str) -> Iterator[str]:
    """An empty provisioned stream for one test."""
    name = stream_name(namespace)
    make_stream(es, name, mappings())
    yield name
    remove_stream(es, name)


@pytest.fixture
def config(stream: str, tmp_path: Path) -> ShipConfig:
    """Ships to the test's stream, with its own registry and short waits."""
    return ShipConfig(stream, tmp_path / "state", backoff_s=0.05, max_backoff_s=0.2)


def stored(es: Elasticsearch, stream: str) -> list[dict[str, Any]]:
    """All documents of a stream, by path and offset."""
    es.indices.refresh(index=stream)
    hits = es.search(index=stream, size=10_000, track_total_hits=True)["hits"]
    assert hits["total"]["value"] == len(hits["hits"]), "more documents than one page holds"
    documents: list[dict[str, Any]] = [hit["_source"] for hit in hits["hits"]]
    return sorted(documents, key=place_of)


def place_of(document: dict[str, Any]) -> tuple[str, int]:
    """Path and offset of a document; a record of a sensor has no offset."""
    return document["log"]["file"]["path"], document["log"].get("offset", 0)


def originals(es: Elasticsearch, stream: str) -> list[str]:
    """The stored lines, by path and offset."""
    return [document["event"]["original"] for document in stored(es, stream)]
