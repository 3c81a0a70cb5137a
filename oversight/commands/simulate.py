"""`oversight simulate`: simulates traffic and writes the raw lines that a sensor would ship."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from contract import hints
from es_pipelines.settings import ShipSettings
from oversight import tables
from oversight.commands.stopping import INTERRUPTED, stop_on_signals
from oversight.config import logs
from oversight.config.settings import load, load_installation
from oversight.terminal import print_json
from sensor.capture.write import CaptureWriter
from sensor.connection import Connection
from sensor.packets_of import write_capture
from sensor.simulation import DEFAULT_EVENTS, DEFAULT_USERS, MIN_EVENTS, Record, simulate
from sensor.writer import Layout, Written, path_of, write

LOOP_RATE = 20.0
"""Events per second with `--loop` and no `--rate`: endless writing at full speed would fill the disk."""


@click.command("simulate")
@click.option(
    "--output",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    metavar="DIR",
    help="Folder for the files, one per user; created if missing. New lines are appended to existing files.",
)
@click.option(
    "--events",
    type=click.IntRange(min=MIN_EVENTS),
    default=DEFAULT_EVENTS,
    show_default=True,
    help="Events in one round; a round contains every scenario.",
)
@click.option(
    "--user",
    "users",
    multiple=True,
    default=DEFAULT_USERS,
    show_default=True,
    metavar="NAME",
    help="User whose traffic is simulated; may be repeated.",
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=1999, show_default=True, help="The same seed gives the same events."
)
@click.option(
    "--rate",
    type=click.FloatRange(min=0, min_open=True),
    metavar="EVENTS_PER_S",
    help="Events per second; default: no limit, or 20 with --loop.",
)
@click.option(
    "--addresses/--no-addresses",
    default=True,
    show_default=True,
    help="Append the columns source.ip, source.port, destination.ip and destination.port to KDD's 41.",
)
@click.option(
    "--capture",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Also write the packets of all connections, as a pcap file; none is sent. For `oversight sense --pcap`.",
)
@click.option("--label", is_flag=True, help="Append the true label as the last column, as in KDD's labelled files.")
@click.option("--loop", is_flag=True, help="Repeat rounds until Ctrl-C.")
@click.option(
    "--ship",
    "shipping",
    is_flag=True,
    help="Also send the lines to Elasticsearch while they are written, as `oversight ship` does.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def command(
    *,
    folder: Path,
    events: int,
    users: tuple[str, ...],
    seed: int,
    rate: float | None,
    addresses: bool,
    capture: Path | None,
    label: bool,
    loop: bool,
    shipping: bool,
    as_json: bool,
) -> None:
    """Simulate network traffic, ordinary use and about twenty attacks, and write its raw events.

    The lines have the columns of KDD Cup 99, computed from the simulated connections, and who talked to whom.
    `oversight ship` reads them by their header; other shippers need `csv.columns` or lines with --no-addresses.
    Ctrl-C stops after the current line.

    With --capture the same connections are in one capture too. Its last connection ends when you start the command.

    \b
    Example:
      oversight simulate --output logs --events 2000 --seed 7
      oversight ship logs/*.csv
      oversight simulate --output logs --loop --rate 20 --ship
      oversight simulate --output logs --capture round.pcap
    """
    if capture is not None and loop:
        raise click.UsageError("--capture writes the packets when the round is over, and --loop has no end; drop one")
    logs.setup("oversight-simulate", stream=sys.stderr)
    now, connections = datetime.now(UTC), list[Connection]()
    records = simulate(seed=seed, start=now, users=users, events=events, loop=loop)
    stop, layout = stop_on_signals(), Layout(addresses=addresses, label=label)
    with (
        nullcontext() if capture is None else CaptureWriter(capture) as packets,
        _shipped(folder, users, stop) if shipping else nullcontext(Counter[str]()) as shipped,
    ):
        noted = records if packets is None else _noted(records, connections)
        written = write(noted, folder, rate=rate or (LOOP_RATE if loop else None), stop=stop, layout=layout)
        number = 0 if packets is None else write_capture(packets, connections, last_s=now.timestamp())
    if as_json:
        in_capture = {} if capture is None else {"capture": {"file": str(capture), "packets": number}}
        print_json(_summary(written, folder) | in_capture | shipped)
    else:
        _print(written, shipped)
        if capture is not None:
            click.echo(f"{capture}: {number:,} packets; see them with {hints.run(f'sense --pcap {capture}')}")
    if stop.is_set() and not loop:
        click.echo(f"oversight: stopped after {written.records} of {events} events", err=True)
        sys.exit(INTERRUPTED)


def _noted(records: Iterator[Record], connections: list[Connection]) -> Iterator[Record]:
    """The same records. Notes the connection of each once it was written."""
    for record in records:
        yield record
        connections.append(record.connection)


@contextmanager
def _shipped(folder: Path, users: Sequence[str], stop: threading.Event) -> Iterator[Counter[str]]:
    """Ship while the block writes. Yields what was shipped."""
    from es_pipelines.ship.shipper import ShipConfig
    from oversight.client.cluster import connect
    from oversight.commands.simulate_ship import shipping

    shared = load_installation()
    config = ShipConfig(stream=shared.stream, state=shared.state, settings=load(ShipSettings), complete=False)
    with connect() as es, shipping(es, [path_of(folder, user) for user in users], config, stop=stop) as counts:
        yield counts


def _summary(written: Written, folder: Path) -> dict[str, Any]:
    return {
        "output": str(folder),
        "events": written.records,
        "scenarios": [
            {"scenario": scenario, "label": label, "events": number}
            for (scenario, label), number in written.scenarios.most_common()
        ],
        "users": [
            {"user": user, "events": written.users[user], "file": str(path)}
            for user, path in sorted(written.files.items())
        ],
    }


def _print(written: Written, shipped: Counter[str]) -> None:
    table = tables.table("Scenario", "Label", "Events", right=["Events"])
    for (scenario, label), number in written.scenarios.most_common():
        table.add_row(scenario, label, str(number))
    console = tables.console(soft_wrap=True)
    console.print(table)
    console.print()
    for user, path in sorted(written.files.items()):
        console.print(f"{path}: {written.users[user]} events")
    if shipped:
        console.print(f"{shipped['stored']} events stored in Elasticsearch; Elasticsearch refused {shipped['refused']}")
