"""Runs the demo: start everything, generate traffic, show the results, stop everything.

    simulator ──▶ FOLDER/traffic/USER.csv ──▶ ship ──▶ embedded engine ◀──▶ watcher ──▶ enrich service
                                                             │
                                                             └──▶ counts, story ──▶ tables at the terminal

The engine, the service and the watcher are separate processes, as in production.
"""

from __future__ import annotations

import shutil
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from elasticsearch import Elasticsearch
from rich.console import Console

from contract.errors import InputError
from es_pipelines.settings import ShipSettings
from es_pipelines.ship.shipper import ShipConfig, ShipReport, ship
from oversight import tables
from oversight.demo.children import Children, end_leftovers, locked
from oversight.demo.counts import Counts, read_counts
from oversight.demo.ports import Ports
from oversight.demo.servers import Servers
from oversight.demo.story import (
    incident_table,
    judged,
    unknown_event,
    unknown_in_words,
    worst_alert,
    worst_incidents,
)
from oversight.demo.view import View
from oversight.terminal import print_json
from sensor.simulation import Record, simulate
from sensor.writer import Written, write

ROUND_S = 0.25
"""Seconds between two looks at the files."""
LOOK_S = 1.0
"""Seconds between two counts. With some thousand documents, a count takes the embedded engine 0.1 s."""
BATCH = 100
"""Lines per request. The embedded engine handles one request at a time, and the watcher needs its turn."""
STALL_S = 60.0
"""If there is no new prediction for this long, the demo stops with an error."""
OWN = ("engine", "traffic", "state")
"""What a start removes from the folder: engine data, traffic and state of an earlier run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoConfig:
    """What to simulate, how fast, and where."""

    leave: bool
    """Whether to end when every event has its prediction, instead of continuing to run."""
    events: int
    seed: int
    rate: float
    """Events per second."""
    folder: Path
    ports: Ports


def run(config: DemoConfig) -> None:
    """Run the demo until every event has its prediction (`leave`) or until it is interrupted.

    Raises:
        OversightError: a chosen port is taken, a process does not start or ends early, or an event got no prediction.
            No process is left running.
        KeyboardInterrupt: a signal arrived before all events had their prediction.
    """
    console = tables.console(soft_wrap=True)
    with locked(config.folder), _signals_interrupt():
        if end_leftovers(config.folder):
            console.print("stopped processes of an earlier demo")
        config.ports.check()
        for name in OWN:
            shutil.rmtree(config.folder / name, ignore_errors=True)
        children = Children(config.folder)
        try:
            _play(config, console, children)
        finally:
            children.stop_all()


def _play(config: DemoConfig, console: Console, children: Children) -> None:
    began = time.monotonic()
    servers = Servers(children, ports=config.ports, say=lambda line: console.print(line))
    with servers.start() as es:
        console.print(
            f"all services run after {time.monotonic() - began:.1f} s; simulating {config.events:,} events of four "
            f"users"
        )
        counts, written = _flow(config, console, servers, es)
        _tell(console, servers, es)
        if counts.enriched != written.records:
            raise InputError(
                f"only {counts.enriched:,} of {written.records:,} events are enriched; {counts.failed:,} failed, "
                f"{counts.pending:,} are pending; see the logs in {children.folder}"
            )
        if not config.leave:
            console.print("Everything keeps running until you press Ctrl-C.")
            _stay(servers)


def _tell(console: Console, servers: Servers, es: Elasticsearch) -> None:
    """Show what an analyst would look at: a document, the incidents, a verdict, an unknown event."""
    contract = servers.contract
    alert = worst_alert(es, servers.stream)
    if alert is not None:
        document = judged(es, servers.stream, contract, alert)
        console.print("The alert of the highest risk, with the demo's verdict on it (without csv.columns):")
        print_json(document)
    incidents = worst_incidents(es, servers.stream, contract, now=datetime.now(UTC))
    console.print("", incident_table(incidents), "", sep="\n")
    unknown = unknown_event(es, servers.stream)
    if unknown is not None and contract.novelty_threshold is not None:
        console.print(unknown_in_words(unknown, contract.novelty_threshold))
    console.print(servers.where_to_look(alert["_id"] if alert is not None else "ID"))


def _flow(config: DemoConfig, console: Console, servers: Servers, es: Elasticsearch) -> tuple[Counts, Written]:
    """Write traffic, ship it, and show the counts until every written event is enriched or failed."""
    played: Counter[str] = Counter()
    stop = threading.Event()
    records = simulate(seed=config.seed, start=datetime.now(UTC), events=config.events)
    with ThreadPoolExecutor(1) as pool, View(console, played) as view:
        writing = pool.submit(write, _counted(records, played), servers.traffic, rate=config.rate, stop=stop)
        flow = _Flow(servers, es, view)
        try:
            while not (writing.done() and flow.finished >= writing.result().records) and not flow.stalled:
                time.sleep(ROUND_S)
                flow.ship(complete=writing.done())
                flow.look()
                servers.check()
        finally:
            stop.set()
        view.finish(flow.shipped, flow.counts)
        return flow.counts, writing.result()


class _Flow:
    """What was shipped, and its counts."""

    def __init__(self, servers: Servers, es: Elasticsearch, view: View) -> None:
        self._servers, self._es, self._view = servers, es, view
        self._before = 0
        self._moved = self._looked = time.monotonic()
        self.shipped = 0
        self.counts = Counts()

    @property
    def finished(self) -> int:
        """Number of documents that are enriched or failed."""
        return self.counts.enriched + self.counts.failed

    @property
    def stalled(self) -> bool:
        """Whether there was no new prediction for too long."""
        return time.monotonic() - self._moved > STALL_S

    def look(self) -> None:
        """Count and show, at most once per `LOOK_S`."""
        if time.monotonic() - self._looked < LOOK_S:
            return
        before = self.finished
        self.counts = read_counts(self._es, self._servers.stream)
        self._looked = time.monotonic()
        if self.finished > before:
            self._moved = self._looked
        self._view.update(self.shipped, self.counts)

    def ship(self, *, complete: bool) -> None:
        """Ship what was written since the last call."""
        files = sorted(self._servers.traffic.glob("*.csv"))
        if not files:
            return
        self._before = self.shipped
        config = ShipConfig(
            stream=self._servers.stream,
            state=self._servers.state,
            settings=ShipSettings(batch_size=BATCH),
            complete=complete,
            timeout_s=STALL_S,
        )
        self._count(ship(self._es, files, config, on_progress=lambda progress: self._progress(progress.report)))

    def _progress(self, report: ShipReport) -> None:
        self._count(report)
        self.look()

    def _count(self, report: ShipReport) -> None:
        self.shipped = self._before + report.stored + report.refused


def _counted(records: Iterator[Record], played: Counter[str]) -> Iterator[Record]:
    for record in records:
        played[record.label] += 1
        yield record


def _stay(servers: Servers) -> None:
    """Wait until a signal arrives or a server ends by itself."""
    try:
        while True:
            time.sleep(1)
            servers.check()
    except KeyboardInterrupt:
        sys.stdout.write("\nstopping\n")


@contextmanager
def _signals_interrupt() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the demo like Ctrl-C. More signals while it ends are ignored."""
    handled = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def interrupt(number: int, frame: object) -> None:
        del number, frame
        for number in handled:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = [signal.signal(number, interrupt) for number in handled]
    try:
        yield
    finally:
        for number, handler in zip(handled, before, strict=True):
            signal.signal(number, handler)
