"""`oversight demo`: runs everything on this machine. It needs only this package."""

from __future__ import annotations

from pathlib import Path

import click

from oversight.demo.run import DemoConfig, run


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
def command(*, leave: bool, events: int, seed: int, rate: float, folder: Path) -> None:
    """Try everything on this machine: simulated events get predictions. You need no cluster.

    The demo starts an embedded engine with the Elasticsearch API, provisions it, starts the enrich service, a watcher
    and the console, and ships simulated traffic that contains attacks. Ctrl-C stops everything.

    \b
    Example:
      oversight demo
      oversight demo --exit --events 500
    """
    run(DemoConfig(leave=leave, events=events, seed=seed, rate=rate, folder=folder))
