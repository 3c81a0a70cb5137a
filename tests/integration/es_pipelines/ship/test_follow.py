"""Follows files while they are written and rotated; the lock of the registry."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from elasticsearch import Elasticsearch

from contract.errors import InputError
from es_pipelines.ship.follow import follow
from es_pipelines.ship.shipper import ShipConfig, ShipReport, ship
from tests.integration.es_pipelines.ship.conftest import originals
from tests.waiting import WAIT_S, until


@pytest.fixture
def engine_url(embedded_url: str) -> str:
    """One engine is enough: the tests are about files."""
    return embedded_url


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The followed file."""
    path = tmp_path / "alpha.csv"
    path.write_bytes(b"one\n")
    return path


@pytest.fixture
def following(es: Elasticsearch, config: ShipConfig, path: Path) -> Iterator[Future[ShipReport]]:
    """A running follower, stopped at the end of the test."""
    stop = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        work = pool.submit(follow, es, [path], config, stop=stop, poll_interval_s=0.05, quiet_s=0.4)
        yield work
        stop.set()
        work.result(timeout=WAIT_S)


def lines_of(es: Elasticsearch, stream: str) -> list[str]:
    """The stored lines; an empty list if the stream does not exist yet."""
    return sorted(originals(es, stream)) if es.indices.exists(index=stream) else []


def test_new_lines_are_stored_and_half_a_line_waits(
    es: Elasticsearch, config: ShipConfig, path: Path, following: Future[ShipReport]
) -> None:
    with path.open("ab", buffering=0) as output:
        output.write(b"two\nthr")
        assert until(lambda: lines_of(es, config.stream) == ["one", "two"])
        output.write(b"ee\n")
        assert until(lambda: lines_of(es, config.stream) == ["one", "three", "two"])


def test_a_rotation_loses_nothing_that_the_writer_still_writes_to_the_old_file(
    es: Elasticsearch, config: ShipConfig, path: Path, tmp_path: Path, following: Future[ShipReport]
) -> None:
    """The old file moves to another folder, and its writer still writes to it; its last line has no line end."""
    assert until(lambda: lines_of(es, config.stream) == ["one"])
    (tmp_path / "old").mkdir()
    with path.open("ab", buffering=0) as writer:
        path.rename(tmp_path / "old" / "alpha.csv.1")
        time.sleep(0.15)
        path.write_bytes(b"one\n")
        writer.write(b"late\nlast")
    assert until(lambda: lines_of(es, config.stream) == ["last", "late", "one", "one"])


def test_a_truncated_file_is_read_from_its_start(
    es: Elasticsearch, config: ShipConfig, path: Path, following: Future[ShipReport]
) -> None:
    assert until(lambda: lines_of(es, config.stream) == ["one"])
    os.truncate(path, 0)
    time.sleep(0.15)
    with path.open("ab") as output:
        output.write(b"one\nmore\n")
    assert until(lambda: lines_of(es, config.stream) == ["more", "one", "one"])


def test_a_file_that_becomes_a_link_is_not_read_and_the_others_are_still_followed(
    es: Elasticsearch, config: ShipConfig, path: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A link to a secret replaces the file: it is reported once, and not read until it is a file again."""
    other, secret, stop = tmp_path / "bravo.csv", tmp_path / "secret", threading.Event()
    other.write_bytes(b"two\n")
    secret.write_bytes(b"secret\n")
    with ThreadPoolExecutor(1) as pool:
        work = pool.submit(follow, es, [path, other], config, stop=stop, poll_interval_s=0.05, quiet_s=0.4)
        try:
            assert until(lambda: lines_of(es, config.stream) == ["one", "two"])
            path.unlink()
            path.symlink_to(secret)
            assert until(lambda: "trying it again" in caplog.text)
            with other.open("ab") as output:
                output.write(b"three\n")
            assert until(lambda: lines_of(es, config.stream) == ["one", "three", "two"])
            path.unlink()
            path.write_bytes(b"four\n")
            assert until(lambda: lines_of(es, config.stream) == ["four", "one", "three", "two"])
        finally:
            stop.set()
        assert work.result(timeout=WAIT_S).problems == []
    assert caplog.text.count("is a symbolic link") == 1


def test_a_second_process_on_the_same_registry_is_refused(
    es: Elasticsearch, config: ShipConfig, path: Path, following: Future[ShipReport]
) -> None:
    """Two processes would ship the same lines; the message names the first process."""
    assert until(lambda: lines_of(es, config.stream) == ["one"])
    with pytest.raises(InputError, match=f"process {os.getpid()} is shipping"):
        ship(es, [path], config)
