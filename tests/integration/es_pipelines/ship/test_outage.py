"""Each line is stored once, whatever fails: outages, lost responses, overload, `kill -9`."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from elasticsearch import Elasticsearch

from contract.errors import EngineUnavailableError
from es_pipelines.settings import ShipSettings
from es_pipelines.ship.shipper import Progress, ShipConfig, ship
from tests.integration.es_pipelines.ship.conftest import stored
from tests.integration.es_pipelines.ship.test_once import roll_over
from tests.integration.es_pipelines.ship.wire import FailingBulk, Proxy

LINES = 400
ON_THE_EMBEDDED = pytest.mark.parametrize("engine_url", ["embedded"], indirect=True)
"""How long the shipper waits does not depend on the engine."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of 400 lines, many of them identical."""
    path = tmp_path / "alpha.csv"
    path.write_text("".join(f"line {number % 7}\n" for number in range(LINES)), encoding="ascii")
    return path


@pytest.fixture
def proxy(engine_url: str) -> Iterator[Proxy]:
    """A connection to the engine that can be cut."""
    with Proxy(engine_url) as proxy:
        yield proxy


def offsets(es: Elasticsearch, stream: str) -> list[int]:
    """Offsets of all stored lines."""
    return [document["log"]["offset"] for document in stored(es, stream)]


def expected(path: Path) -> list[int]:
    """Offset of each line of a file."""
    position, found = 0, []
    for line in path.read_bytes().splitlines(keepends=True):
        found.append(position)
        position += len(line)
    return found


def test_an_outage_costs_time_and_no_line(es: Elasticsearch, proxy: Proxy, config: ShipConfig, path: Path) -> None:
    """The connection is cut after the second batch and restored half a second later."""
    small = dataclasses.replace(config, settings=ShipSettings(batch_size=50))
    batches = 0

    def cut_after_two(_: Progress) -> None:
        nonlocal batches
        batches += 1
        if batches == 2:
            proxy.cut()
            threading.Timer(0.5, proxy.restore).start()

    with Elasticsearch(proxy.url) as through:
        report = ship(through, [path], small, on_progress=cut_after_two)
    assert (report.stored, report.seconds > 0.5) == (LINES, True)
    assert offsets(es, config.stream) == expected(path)


def test_a_lost_response_duplicates_nothing_even_with_a_rollover(
    es: Elasticsearch, proxy: Proxy, config: ShipConfig, path: Path
) -> None:
    """The server stores the batch, the response is lost, the stream rolls over: the next index does not
    have the ids.
    """
    small = dataclasses.replace(config, settings=ShipSettings(batch_size=25))
    batches = 0

    def restore() -> None:
        proxy.cut()
        roll_over(es, config.stream)
        proxy.swallow_answers = False
        proxy.restore()

    def lose_next_answer(_: Progress) -> None:
        nonlocal batches
        batches += 1
        if batches == 1:
            proxy.swallow_answers = True
            threading.Timer(0.4, restore).start()

    with Elasticsearch(proxy.url) as through:
        report = ship(through, [path], small, on_progress=lose_next_answer)
    assert offsets(es, config.stream) == expected(path)
    assert report.stored + report.already_there == LINES


@ON_THE_EMBEDDED
def test_with_a_timeout_it_gives_up_and_the_next_run_continues(
    es: Elasticsearch, proxy: Proxy, config: ShipConfig, path: Path
) -> None:
    """The error says that nothing is lost."""
    hasty = dataclasses.replace(config, settings=ShipSettings(batch_size=100, in_flight=1), timeout_s=0.3)
    with Elasticsearch(proxy.url) as through:
        with pytest.raises(EngineUnavailableError, match="nothing is lost"):
            ship(through, [path], hasty, on_progress=lambda _: proxy.cut())
        proxy.restore()
        report = ship(through, [path], hasty)
    assert (report.already_there, report.stored) == (100, LINES - 100)
    assert offsets(es, config.stream) == expected(path)


@pytest.mark.parametrize("keep_every", [0, 3])
def test_overload_costs_a_wait_and_never_a_line(
    es: Elasticsearch, engine_url: str, config: ShipConfig, path: Path, keep_every: int
) -> None:
    """A 429 for all items, or for some: only those are sent again."""
    with FailingBulk(engine_url) as failing:
        failing.fail_at, failing.keep_every = frozenset({2, 3, 5}), keep_every
        report = ship(failing, [path], dataclasses.replace(config, settings=ShipSettings(batch_size=100)))
        assert failing.calls == 4 + 3
    assert (report.stored, report.already_there) == (LINES, 0)
    assert offsets(es, config.stream) == expected(path)


def test_an_event_that_always_gets_500_is_stored_as_failed(
    es: Elasticsearch, engine_url: str, config: ShipConfig, path: Path
) -> None:
    """One bad line must not block the following lines for ever."""
    path.write_bytes(b"poison\n")
    with FailingBulk(engine_url) as failing:
        failing.fail_at, failing.status = frozenset(range(1, 6)), 500
        report = ship(failing, [path], config)
    assert (report.stored, report.refused) == (0, 1)
    assert stored(es, config.stream)[0]["error"]["type"] == "refused_by_elasticsearch"


SLOW = """
import sys, time
from pathlib import Path
from elasticsearch import Elasticsearch
from es_pipelines.settings import ShipSettings
from es_pipelines.ship.shipper import ShipConfig, ship

def slowly(progress):
    print(progress.offset, flush=True)
    time.sleep(0.05)

config = ShipConfig(sys.argv[2], Path(sys.argv[3]), settings=ShipSettings(batch_size=20))
ship(Elasticsearch(sys.argv[1]), [Path(sys.argv[4])], config, on_progress=slowly)
"""


@pytest.mark.parametrize("registry_is_behind", [False, True])
def test_the_next_shipper_continues_after_a_killed_one(
    es: Elasticsearch, engine_url: str, config: ShipConfig, path: Path, registry_is_behind: bool
) -> None:
    """`kill -9` between any two steps, with a rollover before the next start: each line is stored once."""
    words = [sys.executable, "-c", SLOW, engine_url, config.stream, str(config.state), str(path)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(Path.cwd())}) as killed:
        assert killed.stdout is not None
        for _ in range(5):
            killed.stdout.readline()
            if killed.poll() is None and _ == 2 and registry_is_behind:
                (registry,) = config.state.glob("shipped-*.json")
                earlier = registry.read_bytes()
        killed.send_signal(signal.SIGKILL)
    if registry_is_behind:  # as if killed after the response and before the write of the registry
        registry.write_bytes(earlier)
    there, before = len(offsets(es, config.stream)), -1
    while there != before:  # the server still processes requests of the killed shipper
        time.sleep(0.3)
        there, before = len(offsets(es, config.stream)), there
    assert 0 < there < LINES
    roll_over(es, config.stream)
    report = ship(es, [path], config)
    assert report.stored == LINES - there
    assert offsets(es, config.stream) == expected(path)


@ON_THE_EMBEDDED
def test_a_stop_ends_after_the_current_batch(es: Elasticsearch, config: ShipConfig, path: Path) -> None:
    """Also in the middle of a wait for an unreachable server."""
    stop = threading.Event()
    small = dataclasses.replace(config, settings=ShipSettings(batch_size=100, in_flight=1))
    assert ship(es, [path], small, stop=stop, on_progress=lambda _: stop.set()).stored == 100
    assert ship(es, [path], small).stored == LINES - 100


@ON_THE_EMBEDDED
def test_a_stop_ends_a_wait_at_once(proxy: Proxy, config: ShipConfig, path: Path) -> None:
    stop = threading.Event()
    patient = dataclasses.replace(
        config, settings=ShipSettings(batch_size=100, in_flight=1), backoff_s=60.0, max_backoff_s=60.0
    )

    def cut(_: Progress) -> None:
        proxy.cut()
        threading.Timer(0.3, stop.set).start()

    began = time.monotonic()
    with Elasticsearch(proxy.url) as through:
        assert ship(through, [path], patient, stop=stop, on_progress=cut).stored == 100
    assert time.monotonic() - began < 50
