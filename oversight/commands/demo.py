"""`oversight demo`: runs everything on this machine. It needs only this package."""

from __future__ import annotations

from pathlib import Path

import click

from oversight.demo.ports import Ports
from oversight.demo.run import DemoConfig, run

PORT = click.IntRange(1, 65_535)


@click.command()
@click.option(
    "--exit",
    "leave",
    is_flag=True,
    help="Stop when every event has its prediction; without it, keep running until Ctrl-C.",
)
@click.option(
    "--events",
    type=click.IntRange(200, 20_000),
    default=1_000,
    show_default=True,
    help="About how many events to simulate.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed gives the same traffic.")
@click.option("--rate", type=click.FloatRange(1, 5_000), default=400.0, show_default=True, help="Events per second.")
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".demo"),
    show_default=True,
    help="Folder for engine data, traffic and logs; emptied at each start.",
)
@click.option("--console-port", type=PORT, help="Port of the console; default: a free one.")
@click.option("--enrich-port", type=PORT, help="Port of the enrich service; default: a free one.")
@click.option("--engine-port", type=PORT, help="Port of the embedded engine; default: a free one.")
def command(
    *,
    leave: bool,
    events: int,
    seed: int,
    rate: float,
    folder: Path,
    console_port: int | None,
    enrich_port: int | None,
    engine_port: int | None,
) -> None:
    """Try everything on this machine: simulated events get predictions. You need no cluster.

    The demo starts an embedded engine with the Elasticsearch API, provisions it, starts the enrich service, a watcher
    and the console, and ships simulated traffic that contains attacks. Ctrl-C stops everything.

    \b
    Example:
      oversight demo
      oversight demo --exit --events 500
      oversight demo --console-port 8602
    """
    ports = Ports(engine=engine_port, enrich=enrich_port, console=console_port)
    run(DemoConfig(leave=leave, events=events, seed=seed, rate=rate, folder=folder, ports=ports))
