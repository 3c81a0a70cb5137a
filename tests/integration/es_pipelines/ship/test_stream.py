"""Lines from standard input: a pipe that is slow, broken, repeated or stopped."""

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
from es_pipelines.ship.arriving.stdin import ship_stream
from es_pipelines.ship.shipper import Progress, ShipConfig
from tests.integration.es_pipelines.ship.conftest import originals, stored
from tests.integration.es_pipelines.ship.test_follow import lines_of
from tests.integration.es_pipelines.ship.wire import Proxy
from tests.waiting import WAIT_S, until


@pytest.fixture
def engine_url(embedded_url: str) -> str:
    """One engine is enough: the engine sees the same as with a file."""
    return embedded_url


@pytest.fixture
def pipe() -> Iterator[tuple[int, FileIO]]:
    """Both ends of a pipe. The write end is a file object, since a descriptor closed twice may already belong to
    another file.
    """
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb", buffering=0) as file:
        yield reading, file
    os.close(reading)


def full_pipe(content: bytes) -> int:
    """The read end of a closed pipe that holds `content`."""
    reading, writing = os.pipe()
    os.write(writing, content)
    os.close(writing)
    return reading


def test_lines_are_stored_when_they_arrive_and_half_a_line_waits(
    es: Elasticsearch, config: ShipConfig, pipe: tuple[int, FileIO]
) -> None:
    """No line waits for a full batch; the last line counts without a line end."""
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


def test_the_same_lines_are_new_events_in_another_run_unless_the_run_has_a_name(
    es: Elasticsearch, config: ShipConfig
) -> None:
    """A repeated flood is stored again; a named run can be repeated after its pipe broke."""
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
    """It uses no registry, so it takes no lock."""
    ship_stream(es, full_pipe(b"one\n"), config, name=None)
    assert not config.state.exists()


def test_a_stop_sends_what_was_read_and_ends(es: Elasticsearch, config: ShipConfig, pipe: tuple[int, FileIO]) -> None:
    """The lines taken out of a pipe exist nowhere else."""
    reading, writing = pipe
    stop = threading.Event()
    writing.write(b"".join(b"line %d\n" % number for number in range(200)))
    small = dataclasses.replace(config, settings=ShipSettings(batch_size=10, in_flight=1))

    def ask(_: Progress) -> None:
        stop.set()

    report = ship_stream(es, reading, small, name=None, stop=stop, on_progress=ask)
    assert report.stored == 200


def test_a_stop_during_an_outage_says_what_is_lost(
    es: Elasticsearch, engine_url: str, config: ShipConfig, pipe: tuple[int, FileIO]
) -> None:
    """The first line is stored, the second was read only: the message names the byte from which to send again."""
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
