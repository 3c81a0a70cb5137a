"""`oversight ship --follow` is killed several times while its file grows and is rotated, on an engine with data
streams.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from functools import partial
from pathlib import Path

import pytest
from elasticsearch import Elasticsearch

from contract.kdd99.columns import COLUMNS
from tests.integration.es_pipelines.ship.conftest import stored
from tests.integration.es_pipelines.ship.test_command import environment, run
from tests.integration.es_pipelines.ship.test_once import roll_over
from tests.waiting import WAIT_S, wait_until

__all__ = ["environment"]

KILLS, LINES, ROTATE_EVERY, HEADER_EVERY = 3, 1_800, 450, 150

pytestmark = pytest.mark.opensearch


@pytest.fixture
def engine_url(opensearch_url: str) -> str:
    """The engine with data streams, where an id is unique only within one backing index."""
    return opensearch_url


class Writer(threading.Thread):
    """Writes numbered lines, some of them equal, half a line at a time, and rotates the file by renaming.

    A header is at the start of each file and at two later places; every second one has the columns in another order.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(daemon=True)
        self._path = path
        self.written: list[tuple[str, bool]] = []
        """Each line, and whether its columns are in another order."""
        self.allowed = 0
        """It writes so many lines and then waits for permission to continue, because a shipper takes a
        while to start.
        """

    def run(self) -> None:
        output, backwards = self._path.open("ab", buffering=0), False
        for number in range(LINES):
            while number >= self.allowed:
                time.sleep(0.005)
            if number % HEADER_EVERY == 0:
                backwards = not backwards
                header = ",".join(COLUMNS[::-1] if backwards else COLUMNS)
                output.write(header[:200].encode())
                output.write(f"{header[200:]}\n".encode())
            line = f"line {number}" if number % 3 else "flood"
            output.write(line[:3].encode())
            output.write(f"{line[3:]}\n".encode())
            self.written.append((line, backwards))
            if number % ROTATE_EVERY == ROTATE_EVERY - 1:
                output.close()
                self._path.rename(self._path.with_name(f"alpha.csv.{number}"))
                output = self._path.open("ab", buffering=0)
            time.sleep(0.001)
        output.close()


def test_three_kills_over_a_growing_and_rotating_file_lose_and_duplicate_nothing(
    es: Elasticsearch, stream: str, environment: dict[str, str], tmp_path: Path
) -> None:
    """SIGKILL at any moment, a rollover in between, at most one rotation per run: each line is stored once, with its
    columns.
    """
    path = tmp_path / "alpha.csv"
    path.touch()
    writer = Writer(path)
    command = [sys.executable, "-m", "oversight", "ship", "--follow", "--batch-size", "40", str(path)]
    writer.start()
    for kill in range(KILLS):
        with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as shipper:
            enough = count(es, stream) + 100
            writer.allowed = kill * ROTATE_EVERY + 300
            ready = partial(_at_work, es, stream, enough, shipper)
            wait_until(ready, "the shipper to store lines")
            assert shipper.poll() is None
            writer.allowed = (kill + 1) * ROTATE_EVERY + 50
            os.kill(shipper.pid, signal.SIGKILL)
        if kill == 1:
            roll_over(es, stream)
    writer.allowed = LINES
    writer.join(timeout=WAIT_S)
    code, _, errors = run(environment, *sorted(tmp_path.glob("alpha.csv*"), reverse=True))
    assert code == 0, errors
    backwards = {"columns": list(COLUMNS[::-1])}
    assert all(document.get("csv") in (None, backwards) for document in stored(es, stream))
    lines = Counter((document["event"]["original"], "csv" in document) for document in stored(es, stream))
    assert lines == Counter(writer.written)


def _at_work(es: Elasticsearch, stream: str, enough: int, shipper: subprocess.Popen[bytes]) -> bool:
    """Whether the shipper has stored enough, or has ended."""
    return count(es, stream) >= enough or shipper.poll() is not None


def count(es: Elasticsearch, stream: str) -> int:
    """Number of lines that are stored by now."""
    if not es.indices.exists(index=stream):
        return 0
    es.indices.refresh(index=stream)
    return int(es.count(index=stream)["count"])
