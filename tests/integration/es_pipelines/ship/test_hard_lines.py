r"""Lines that are not UTF-8, very long, blank, or that Elasticsearch refuses: each is stored once."""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
from elasticsearch import Elasticsearch

from contract.documents.fields import stream_name
from contract.errors import InputError
from es_pipelines.ship.shipper import ShipConfig, ship
from tests.integration.es_pipelines.ship.conftest import make_stream, mappings, originals, remove_stream, stored

MEGABYTE = 1024 * 1024


def test_bytes_that_are_not_utf8_are_kept_as_escapes_and_raw(
    es: Elasticsearch, config: ShipConfig, tmp_path: Path
) -> None:
    path = tmp_path / "alpha.csv"
    raw = b"caf\xe9,\xff\x00 and \xc3\xa9"
    path.write_bytes(raw + b"\nplain\n")
    assert ship(es, [path], config).stored == 2
    bad, plain = stored(es, config.stream)
    assert bad["event"]["original"] == "caf\\xe9,\\xff\x00 and é"
    assert base64.b64decode(bad["oversight"]["original"]["base64"]) == raw
    assert "original" not in plain["oversight"]


def test_a_line_of_a_megabyte_is_stored_whole(es: Elasticsearch, config: ShipConfig, tmp_path: Path) -> None:
    ship_long_line(es, config, tmp_path / "alpha.csv", MEGABYTE)


@pytest.mark.parametrize("engine_url", ["embedded"], indirect=True)
def test_a_line_of_sixteen_megabytes_is_stored_whole(es: Elasticsearch, config: ShipConfig, tmp_path: Path) -> None:
    """Only on the embedded engine: a real engine with a small test heap would refuse requests of other tests."""
    ship_long_line(es, config, tmp_path / "alpha.csv", 16 * MEGABYTE)


def ship_long_line(es: Elasticsearch, config: ShipConfig, path: Path, length: int) -> None:
    """Ship a long line between two short ones, and find all three."""
    path.write_bytes(b"before\n" + b"x" * length + b"\nafter\n")
    assert ship(es, [path], config).stored == 3
    assert [len(line) for line in originals(es, config.stream)] == [6, length, 5]


def test_a_file_without_line_ends_is_refused_by_name(es: Elasticsearch, config: ShipConfig, tmp_path: Path) -> None:
    """33 MB without a line end are not a log line; the lines before it are stored."""
    path = tmp_path / "image.csv"
    with path.open("wb") as output:
        output.write(b"first\n")
        output.truncate(34 * MEGABYTE)
    (problem,) = ship(es, [path], config).problems
    assert "image.csv: the line at byte 6 is longer than" in problem
    assert originals(es, config.stream) == ["first"]


def test_blank_lines_are_skipped_and_both_line_ends_are_accepted(
    es: Elasticsearch, config: ShipConfig, tmp_path: Path
) -> None:
    path = tmp_path / "alpha.csv"
    path.write_bytes(b"one\r\n\n \r\ntwo\n\n")
    report = ship(es, [path], config)
    assert (report.stored, report.blank, report.bytes) == (2, 3, 14)
    assert [document["log"]["offset"] for document in stored(es, config.stream)] == [0, 9]
    assert originals(es, config.stream) == ["one", "two"]
    assert ship(es, [path], config).bytes == 0


@pytest.mark.parametrize("content", [b"", b"duration,protocol_type\n", b"\n \n"])
def test_a_file_without_events_is_named(es: Elasticsearch, config: ShipConfig, tmp_path: Path, content: bytes) -> None:
    """Except after a rotation: a new file without events is no mistake."""
    path = tmp_path / "alpha.csv"
    path.write_bytes(content)
    report = ship(es, [path], config)
    assert (report.stored, report.headers) == (0, 1 if b"duration" in content else 0)
    assert "no events" in report.files[0].note
    assert "has no events" in report.problems[0]
    path.write_bytes(b"one\n")
    assert ship(es, [path], config).problems == []
    path.rename(tmp_path / "alpha.csv.1")
    path.write_bytes(content)
    assert ship(es, [path], config).problems == []


@pytest.fixture
def picky(es: Elasticsearch, namespace: str) -> Iterator[str]:
    """A stream whose mapping accepts only numeric users: every event of `alpha` is answered 400."""
    name = stream_name(f"{namespace}.picky")
    make_stream(es, name, mappings(user={"properties": {"id": {"type": "long"}}}))
    yield name
    remove_stream(es, name)


def test_a_refused_event_is_stored_once_as_failed(
    es: Elasticsearch, config: ShipConfig, picky: str, tmp_path: Path
) -> None:
    """Stored with its line, the reason, and few fields that a mapping can refuse; its neighbours are stored."""
    path = tmp_path / "alpha.csv"
    path.write_bytes(b"one\ntwo\n")
    config = dataclasses.replace(config, stream=picky)
    report = ship(es, [path], config)
    assert (report.stored, report.refused) == (0, 2)
    es.indices.refresh(index=picky)
    documents = [hit["_source"] for hit in es.search(index=picky)["hits"]["hits"]]
    assert sorted(document["event"]["original"] for document in documents) == ["one", "two"]
    for document in documents:
        assert document["oversight"]["status"] == "failed"
        assert document["event"]["kind"] == "pipeline_error"
        assert document["error"]["type"] == "refused_by_elasticsearch"
        assert "failed to parse" in document["error"]["message"]
    again = ship(es, [path], dataclasses.replace(config, state=tmp_path / "other"))
    assert (again.refused, again.already_there) == (0, 2)


def test_a_stream_that_refuses_even_the_failed_event_stops_the_work(
    es: Elasticsearch, config: ShipConfig, picky: str, tmp_path: Path
) -> None:
    """The error names the line, which stays unacknowledged: nothing is lost once the mapping is fixed."""
    path = tmp_path / "alpha.csv"
    path.write_bytes(b"one\n")
    config = dataclasses.replace(config, stream=picky)
    make_stream(es, picky, mappings(user={"type": "long"}, oversight={"type": "long"}))
    with pytest.raises(InputError, match="refuses the line at byte 0, also as a failed event"):
        ship(es, [path], config)
    remove_stream(es, picky)
    make_stream(es, picky, mappings())
    assert ship(es, [path], config).stored == 1
