"""Ships the simulator's files while they grow.

    writer ──▶ alpha.csv, bravo.csv, ... ──▶ a thread ships new lines every second ──▶ the rest, when writing has ended

An error in the thread stops the writing, and is raised where the simulation was started.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from elasticsearch import Elasticsearch

from contract.errors import InputError, OversightError
from es_pipelines.ship.shipper import ShipConfig, ship

INTERVAL_S = 1.0


class Shipping:
    """Ships files until the end of the block, then ships the rest.

    Args:
        es: client of a provisioned cluster.
        files: files to ship; missing ones are shipped once they exist.
        config: how to ship them.
        stop: set by the thread if shipping fails, so that the writing stops too.
    Raises:
        InputError: at the start, if the stream is not provisioned or another process ships there.
        EngineUnavailableError: at the end, if Elasticsearch refused lines.
    """

    def __init__(self, es: Elasticsearch, files: Sequence[Path], config: ShipConfig, *, stop: threading.Event) -> None:
        self.stored = self.refused = 0
        self._es, self._files, self._config, self._stop = es, files, config, stop
        self._done = threading.Event()
        self._error: OversightError | None = None
        self._thread = threading.Thread(target=self._follow, name="ship", daemon=True)

    def __enter__(self) -> Self:
        ship(self._es, [], self._config)  # checks that the stream exists and sends nothing
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()
        if self._error is not None:
            raise self._error
        self._ship()

    def _follow(self) -> None:
        try:
            while not self._done.wait(INTERVAL_S):
                self._ship()
        except OversightError as error:
            self._error = error
            self._stop.set()

    def _ship(self) -> None:
        report = ship(self._es, [path for path in self._files if path.exists()], self._config)
        self.stored += report.stored
        self.refused += report.refused
        for file in report.files:
            if file.problem:
                raise InputError(file.problem)
