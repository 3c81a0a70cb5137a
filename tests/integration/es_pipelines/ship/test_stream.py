"""Lines from standard input: a pipe that is slow, broken, repeated, stopped."""

from __future__ import annotations

import dataclasses
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import FileIO

import pytest
from elasticsearch import Elasticsearch

from contract.errors import InputError
from es_pipelines.settings import ShipSettings
from es_pipelines.ship.shipper import Progress, ShipConfig
from es_pipelines.ship.stdin import ship_stream
from tests.integration.es_pipelines.ship.conftest import originals, stored
from tests.integration.es_pipelines.ship.test_follow import lines_of
from tests.integration.es_pipelines.ship.wire import Proxy
from tests.waiting import WAIT_S, until


@pytest.fixture
def engine_url(embedded_url: str) -> str:
    """One engine is enough: below this, lines are those of a file."""
    return embedded_url


@pytest.fixture
def pipe() -> Iterator[tuple[int, FileIO]]:
    """Both ends of a pipe. The second is a file, since a descriptor that is closed twice may by then be another's."""
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb", buffering=0) as file:
        yield reading, file
    os.close(reading)


def full_pipe(content: bytes) -> int:
    """The reading end of a pipe that holds so much and was closed."""
    reading, writing = os.pipe()
    os.write(writing, content)
    os.close(writing)
    return reading


def test_lines_are_stored_as_they_come_and_half_a_line_waits(
    es: Elasticsearch, config: ShipConfig, pipe: tuple[int, FileIO]
) -> None:
    """Nothing waits for a full batch; the last line counts without a line end."""
    reading, writing = pipe
    with ThreadPoolExecutor(1) as pool:
        work = pool.submit(ship_stream, es, reading, config, name=None)
        writing.write(b"one\ntw")
        assert until(lambda: lines_of(es, config.stream) == ["one"])
        writing.write(b"o\r\n\nlast")
        writing.close()
        report = work.result(timeout=WAIT_S)
    assert (report.stored, report.blank, report.bytes) == (3, 1, 14)
    assert sorted(originals(es, config.stream)) == ["last", "one", "two"]
    assert {document["observer"]["name"] for document in stored(es, config.stream)} == {"stdin"}


def test_the_same_lines_are_other_events_in_another_run_unless_it_has_a_name(
    es: Elasticsearch, config: ShipConfig
) -> None:
    """A flood is a flood; and a pipe that broke can be run again."""
    flood = b"same\n" * 50
    for _ in range(2):
        assert ship_stream(es, full_pipe(flood), config, name=None).stored == 50
    small = dataclasses.replace(config, settings=ShipSettings(batch_size=20))
    assert ship_stream(es, full_pipe(flood[:150]), small, name="alpha.csv").stored == 30
    again = ship_stream(es, full_pipe(flood), small, name="alpha.csv")
    assert (again.stored, again.already_there) == (20, 30)
    assert len(stored(es, config.stream)) == 150
    named = [document for document in stored(es, config.stream) if document["observer"]["name"] == "alpha"]
    assert {document["user"]["id"] for document in named} == {"alpha"}
    assert len(named) == 50


def test_it_runs_beside_a_shipper_of_files(es: Elasticsearch, config: ShipConfig) -> None:
    """It needs no registry, so it takes no lock of one."""
    ship_stream(es, full_pipe(b"one\n"), config, name=None)
    assert not config.state.exists()


def test_a_stop_sends_what_was_read_and_ends(es: Elasticsearch, config: ShipConfig, pipe: tuple[int, FileIO]) -> None:
    """What was taken out of a pipe is nowhere else."""
    reading, writing = pipe
    stop = threading.Event()
    writing.write(b"".join(b"line %d\n" % number for number in range(200)))
    small = dataclasses.replace(config, settings=ShipSettings(batch_size=10, in_flight=1))

    def ask(_: Progress) -> None:
        stop.set()

    report = ship_stream(es, reading, small, name=None, stop=stop, on_progress=ask)
    assert report.stored == 200


def test_a_stop_while_the_cluster_is_away_says_what_is_lost(
    es: Elasticsearch, engine_url: str, config: ShipConfig, pipe: tuple[int, FileIO]
) -> None:
    """The first line is in, the second was read and is not: from which byte on it must be sent again."""
    reading, writing = pipe
    stop = threading.Event()
    writing.write(b"one\n")
    with Proxy(engine_url) as proxy, Elasticsearch(proxy.url) as through:

        def cut(_: Progress) -> None:
            proxy.cut()
            writing.write(b"two\n")
            threading.Timer(0.8, stop.set).start()

        with pytest.raises(InputError, match=r"4 bytes of standard input .* from byte 4 on"):
            ship_stream(through, reading, config, name=None, stop=stop, on_progress=cut)
    assert originals(es, config.stream) == ["one"]
