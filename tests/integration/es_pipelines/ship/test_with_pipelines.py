"""Shipping into a provisioned stream: the documents that the ingest pipeline writes."""

from __future__ import annotations

import base64
import socket
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from benchmarks.es_pipelines.removal import remove
from contract.artifact.contract import Feature, ModelContract
from contract.documents.fields import stream_name
from contract.kdd99.columns import CATEGORICAL, COLUMNS, FAMILIES, LABELS, field_of
from es_pipelines.provision.apply import provision
from es_pipelines.ship.shipper import ShipConfig, ship
from tests.integration.es_pipelines.ship.conftest import place_of, stored
from tests.waiting import WAIT_S

KDD = ModelContract(
    name="kdd99",
    features=tuple(Feature(name, field_of(name), "string" if name in CATEGORICAL else "float") for name in COLUMNS),
    labels=LABELS,
    families=FAMILIES,
)
pytestmark = pytest.mark.opensearch
ROW = ",".join("tcp" if name == "protocol_type" else "1" for name in COLUMNS)


@pytest.fixture
def engine_url(opensearch_url: str) -> str:
    """Refusals by the mapping are tested where the engine enforces the mapping."""
    return opensearch_url


@pytest.fixture(scope="module")
def stream(opensearch_url: str) -> Iterator[str]:
    """A stream with our pipelines and templates, for files with different paths."""
    namespace = f"shipped{uuid.uuid4().hex[:8]}"
    with Elasticsearch(opensearch_url, request_timeout=WAIT_S) as es:
        provision(es, KDD, namespace=namespace)
        yield stream_name(namespace)
        remove(es, namespace)


@pytest.fixture
def provisioned(stream: str, tmp_path: Path) -> ShipConfig:
    """Ships to that stream, with its own registry."""
    return ShipConfig(stream, tmp_path / "state")


def stored_of(es: Elasticsearch, stream: str, *paths: Path) -> list[dict[str, Any]]:
    """The documents of these files, by path and offset."""
    places = set(map(str, paths))
    return [document for document in stored(es, stream) if document["log"]["file"]["path"] in places]


@pytest.mark.data
def test_all_671_events_of_the_sensor_logs_are_pending(
    es: Elasticsearch, provisioned: ShipConfig, shared_data: Path
) -> None:
    """Three header lines are counted and dropped; no event fails; each keeps its line, file and offset."""
    logs = sorted((shared_data / "sensor-logs").glob("*.csv"))
    report = ship(es, logs, provisioned)
    assert (report.stored, report.headers, report.refused) == (671, 3, 0)
    documents = stored_of(es, provisioned.stream, *logs)
    assert Counter(document["oversight"]["status"] for document in documents) == {"pending": 671}
    assert len({place_of(document) for document in documents}) == 671
    for document in documents:
        content = Path(document["log"]["file"]["path"]).read_bytes()
        assert content[document["log"]["offset"] :].split(b"\n")[0].decode() == document["event"]["original"]
    assert ship(es, logs, provisioned).stored == 0


def test_lines_that_the_pipeline_cannot_parse_are_stored_as_failed_documents(
    es: Elasticsearch, provisioned: ShipConfig, tmp_path: Path
) -> None:
    """Invalid UTF-8, or a line of a megabyte: the shipper stores them all, and the pipeline sets the error. Blank lines
    are skipped.
    """
    path = tmp_path / "alpha.csv"
    bad = ROW.encode().replace(b"tcp", b"t\xffp")
    lines = [",".join(COLUMNS).encode(), ROW.encode(), b"", bad, b"x" * 1_000_000]
    path.write_bytes(b"\n".join(lines) + b"\n")
    report = ship(es, [path], provisioned)
    assert (report.stored, report.headers, report.blank, report.refused) == (3, 1, 1, 0)
    good, escaped, long = stored_of(es, provisioned.stream, path)
    assert {document["host"]["name"] for document in (good, escaped, long)} == {socket.gethostname()}
    assert good["oversight"]["status"] == "pending"
    assert "t\\xffp" in escaped["event"]["original"]
    assert base64.b64decode(escaped["oversight"]["original"]["base64"]) == bad
    assert (len(long["event"]["original"]), long["error"]["type"]) == (1_000_000, "column_count")
    assert ship(es, [path], ShipConfig(provisioned.stream, tmp_path / "other")).already_there == 3
