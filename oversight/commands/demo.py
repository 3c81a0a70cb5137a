"""`oversight demo`: everything on this machine, with nothing but this package."""

from __future__ import annotations

from pathlib import Path

import click

from oversight.demo.run import DemoConfig, run


@click.command()
@click.option("--exit", "leave", is_flag=True, help="End when every event has its prediction, instead of staying up.")
@click.option(
    "--events",
    type=click.IntRange(200, 20_000),
    default=1_000,
    show_default=True,
    help="About how many events to play.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed plays the same traffic.")
@click.option("--rate", type=click.FloatRange(1, 5_000), default=400.0, show_default=True, help="Events a second.")
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".demo"),
    show_default=True,
    help="Where engine, traffic and logs are kept; emptied at each start.",
)
def command(*, leave: bool, events: int, seed: int, rate: float, folder: Path) -> None:
    """Raw events turn into predictions on this machine; nothing else is needed.

    Starts an embedded engine that speaks Elasticsearch, puts the pipelines in, starts the enrich service and a watcher,
    and ships simulated traffic with attacks in it. Ctrl-C ends everything.

    \b
    Example:
      oversight demo
      oversight demo --exit --events 500
    """
    run(DemoConfig(leave=leave, events=events, seed=seed, rate=rate, folder=folder))
