"""Files with the same name on several machines or in several folders: their events are never mixed up."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest
from elasticsearch import Elasticsearch

from es_pipelines.ship.registry import Registry, load
from es_pipelines.ship.shipper import ShipConfig, session, ship
from tests.integration.es_pipelines.ship.conftest import stored
from tests.integration.es_pipelines.ship.test_once import roll_over

FLOOD = b"0,icmp,ecr_i,SF,1032,0\n" * 320
ON_THE_EMBEDDED = pytest.mark.parametrize("engine_url", ["embedded"], indirect=True)
"""The registry does not depend on the engine."""
Sensor = tuple[Path, ShipConfig]


def sensors(config: ShipConfig, tmp_path: Path, kind: str) -> list[Sensor]:
    """Two shippers with separate registries; their files have the same name, observer and lines."""
    one, two = (dataclasses.replace(config, state=tmp_path / state, observer="sensor") for state in ("s1", "s2"))
    paths = [tmp_path / folder / "conn.csv" for folder in ("a", "b" if kind == "two folders" else "a")]
    for path in paths:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(FLOOD)
    if kind == "two machines":
        one, two = dataclasses.replace(one, host="north"), dataclasses.replace(two, host="south")
    return [(paths[0], one), (paths[1], two)]


@pytest.mark.parametrize("kind", ["two folders", "two machines"])
def test_a_flood_seen_by_two_sensors_is_stored_twice_and_never_again(
    es: Elasticsearch, config: ShipConfig, tmp_path: Path, kind: str
) -> None:
    """Identical lines at identical offsets; shipping again adds nothing, with and without registries, also after a
    rollover.
    """
    both = sensors(config, tmp_path, kind)
    assert [ship(es, [path], own).stored for path, own in both] == [320, 320]
    assert len(stored(es, config.stream)) == 640
    assert [ship(es, [path], own).stored for path, own in both] == [0, 0]
    roll_over(es, config.stream)
    for order in (both, both[::-1]):
        for _, own in both:
            shutil.rmtree(own.state)
        again = [ship(es, [path], own) for path, own in order]
        assert [(report.stored, report.already_there) for report in again] == [(0, 320), (0, 320)]
    assert len(stored(es, config.stream)) == 640


@pytest.mark.parametrize("kind", ["two folders", "two machines"])
def test_sensors_that_ship_at_the_same_time_lose_nothing(
    es: Elasticsearch, config: ShipConfig, tmp_path: Path, kind: str
) -> None:
    """Both find the stream empty and look nothing up: the second one learns of the duplicates from the 409
    responses.
    """
    (north, one), (south, two) = both = sensors(config, tmp_path, kind)
    with session(es, one) as first, session(es, two) as second:
        first.ship_path(north)
        second.ship_path(south)
    assert (first.report.stored, second.report.stored) == (320, 320)
    assert len(stored(es, config.stream)) == 640
    for _, own in both:
        shutil.rmtree(own.state)
    assert [ship(es, [path], own).stored for path, own in both[::-1]] == [0, 0]


def test_documents_without_a_host_name_are_found_by_their_path(
    es: Elasticsearch, config: ShipConfig, tmp_path: Path
) -> None:
    path = tmp_path / "conn.csv"
    path.write_bytes(FLOOD)
    assert ship(es, [path], dataclasses.replace(config, host="")).stored == 320
    assert all("host" not in document for document in stored(es, config.stream))
    shutil.rmtree(config.state)
    assert ship(es, [path], dataclasses.replace(config, host="north")).stored == 0


def test_a_batch_in_doubt_is_found_under_the_path_from_which_it_was_sent(
    es: Elasticsearch, config: ShipConfig, tmp_path: Path
) -> None:
    """The shipper is killed after the send and before the registry is written; then the file is renamed twice."""
    path = tmp_path / "conn.csv"
    path.write_bytes(b"one\n")
    ship(es, [path], config)
    (registry,) = config.state.glob("*.json")
    before = registry.read_bytes()
    with path.open("ab") as output:
        output.write(FLOOD)
    ship(es, [path], config)
    registry.write_bytes(before)
    for name in ("conn.csv.1", "conn.csv.2"):
        path = path.rename(tmp_path / name)
        (tmp_path / "other.csv").write_bytes(b"x\n")
        assert ship(es, [path], config).already_there == 321
        entry = load(registry).entries[0]
        assert (entry.path, entry.earlier[0]) == (str(path), str(tmp_path / "conn.csv"))
        registry.write_bytes(before)


@ON_THE_EMBEDDED
def test_a_registry_without_earlier_paths_is_still_read(es: Elasticsearch, config: ShipConfig, tmp_path: Path) -> None:
    """Older versions wrote such registries; to reject them as damaged would cost a lookup of every line."""
    path = tmp_path / "conn.csv"
    path.write_bytes(b"one\n")
    ship(es, [path], config)
    (registry,) = config.state.glob("*.json")
    registry.write_bytes(registry.read_bytes().replace(b',"earlier":[]', b""))
    assert b"earlier" not in registry.read_bytes()
    known: Registry = load(registry)
    assert [(entry.path, entry.earlier) for entry in known.entries] == [(str(path), ())]
