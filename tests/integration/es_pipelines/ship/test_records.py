"""Records of a sensor: each is stored once, whatever its windows saw before it."""

from __future__ import annotations

import dataclasses
import threading
from typing import Any

import orjson
import pytest
from elasticsearch import Elasticsearch

from es_pipelines.settings import ShipSettings
from es_pipelines.ship.arriving.records import ship_records
from es_pipelines.ship.shipper import ShipConfig
from tests.integration.es_pipelines.ship.conftest import originals, stored


@pytest.fixture
def engine_url(embedded_url: str) -> str:
    """The ids and the requests are those of `ship`, which runs on every engine."""
    return embedded_url


@pytest.fixture
def sensor(config: ShipConfig) -> ShipConfig:
    """A sensor with a name, which sends a few records at a time."""
    return dataclasses.replace(config, observer="gate", settings=ShipSettings(batch_size=3))


def record(number: int, *, count: int = 1, **fields: Any) -> bytes:
    """A record as `oversight sense` sends it."""
    return orjson.dumps(
        {
            "event": {"id": f"C{number}", "start": f"2026-01-01T00:00:{number:02}.000000Z"},
            "source": {"ip": "192.0.2.1", "port": 1024 + number},
            "destination": {"ip": "198.51.100.1", "port": 80},
            "network": {"transport": "tcp"},
            "observer": {"name": "gate"},
            "kdd99": {"count": count},
            **fields,
        }
    )


def test_a_record_is_stored_with_where_it_came_from(es: Elasticsearch, sensor: ShipConfig) -> None:
    report = ship_records(es, [[record(1)], [], [record(2)]], sensor, source="zeek", path="conn.log")
    assert (report.stored, report.already_there) == (2, 0)
    assert sorted(originals(es, sensor.stream)) == [record(1).decode(), record(2).decode()]
    assert {document["log"]["file"]["path"] for document in stored(es, sensor.stream)} == {"conn.log"}
    assert all("user" not in document for document in stored(es, sensor.stream))


def test_the_same_records_are_not_stored_again_although_the_windows_differ_and_the_log_was_renamed(
    es: Elasticsearch, sensor: ShipConfig
) -> None:
    ship_records(es, [[record(number) for number in range(8)]], sensor, source="zeek", path="conn.log")
    again = [record(number, count=7) for number in range(4, 12)]
    report = ship_records(es, [again], sensor, source="zeek", path="conn.2026-01-01.log.gz")
    assert (report.stored, report.already_there) == (4, 4)
    assert len(stored(es, sensor.stream)) == 12


def test_another_sensor_and_another_start_are_other_records(es: Elasticsearch, sensor: ShipConfig) -> None:
    later: dict[str, Any] = {"event": {"id": "C1", "start": "2026-01-02T00:00:01.000000Z"}}
    report = ship_records(es, [[record(1), record(1, **later)]], sensor, source="zeek", path="conn.log")
    other = ship_records(
        es, [[record(1)]], dataclasses.replace(sensor, observer="door"), source="zeek", path="conn.log"
    )
    assert (report.stored, other.stored) == (2, 1)


def test_a_record_cannot_take_the_place_of_the_same_id_from_another_sensor(
    es: Elasticsearch, sensor: ShipConfig
) -> None:
    """One index may have records of several sensors, which one run of the command reads."""
    forged = record(1, observer={"name": "door"})
    report = ship_records(es, [[forged], [record(1)]], sensor, source="flows-*")
    assert (report.stored, report.already_there) == (2, 0)


def test_records_with_huge_and_odd_texts_are_all_stored(es: Elasticsearch, sensor: ShipConfig) -> None:
    start = "9999-12-31T23:59:59.999970Z"
    odd: list[dict[str, Any]] = [
        {"event": {"id": "x" * 1_000_000, "start": start, "end": start, "duration": 9_223_372_036_000_000_000}},
        {"event": {"id": "\x1b[31m\0<b>", "start": "1970-01-01T00:00:00.000000Z"}, "user": {"id": "u" * 40_000}},
        {
            "zeek": {"connection": {"state": "S" * 40_000, "history": "D" * 1_000_000}},
            "observer": {"name": "o" * 40_000},
        },
        {"network": {"transport": "tcp", "protocol": "p" * 40_000, "community_id": "c" * 40_000, "bytes": 2**63 - 2}},
    ]
    lines = [record(number, **fields) for number, fields in enumerate(odd)]
    for expected in ((len(odd), 0), (0, len(odd))):
        report = ship_records(es, [lines], sensor, source="zeek", path="conn.log")
        assert (report.stored + report.refused, report.already_there) == expected
    assert len(stored(es, sensor.stream)) == len(odd)


def test_a_stop_ends_after_the_records_that_were_taken_and_the_next_run_sends_the_rest(
    es: Elasticsearch, sensor: ShipConfig
) -> None:
    stop = threading.Event()
    lists = [[record(number) for number in range(5)], [record(number) for number in range(5, 9)]]
    first = ship_records(es, lists, sensor, source="zeek", path="conn.log", stop=stop, on_progress=lambda _: stop.set())
    assert first.stored == 5
    second = ship_records(es, lists, sensor, source="zeek", path="conn.log")
    assert (second.stored, second.already_there) == (4, 5)
