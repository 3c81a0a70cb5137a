"""Ships the simulator's files while they grow.

    writer ──▶ alpha.csv, bravo.csv, ... ──▶ a thread ships new lines every second ──▶ the rest, when writing has ended

An error in the thread stops the writing, and is raised where the simulation was started.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from elasticsearch import Elasticsearch

from contract.errors import InputError, OversightError
from es_pipelines.ship.shipper import ShipConfig, ship

INTERVAL_S = 1.0


@contextmanager
def shipping(
    es: Elasticsearch, files: Sequence[Path], config: ShipConfig, *, stop: threading.Event
) -> Iterator[Counter[str]]:
    """Ship files until the end of the block, then ship the rest. Yields the numbers of `stored` and `refused` lines.

    Args:
        es: client of a provisioned cluster.
        files: files to ship; missing ones are shipped once they exist.
        config: how to ship them.
        stop: set if shipping fails, so that the writing stops too.
    Raises:
        InputError: at the start, if the stream is not provisioned or another process ships there.
        EngineUnavailableError: at the end, if Elasticsearch refused lines.
    """
    counts: Counter[str] = Counter(stored=0, refused=0)
    written = threading.Event()

    def ship_new_lines() -> None:
        report = ship(es, [path for path in files if path.exists()], config)
        counts.update(stored=report.stored, refused=report.refused)
        for file in report.files:
            if file.problem:
                raise InputError(file.problem)

    def follow() -> None:
        try:
            while not written.wait(INTERVAL_S):
                ship_new_lines()
        except OversightError:
            stop.set()
            raise

    ship(es, [], config)  # checks that the stream exists and sends nothing
    with ThreadPoolExecutor(1, "ship") as pool:
        following = pool.submit(follow)
        try:
            yield counts
        finally:
            written.set()
    following.result()
    ship_new_lines()
