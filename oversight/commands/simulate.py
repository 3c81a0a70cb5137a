"""`oversight simulate`: play scenarios and write the raw lines that a sensor would ship."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

import click
from rich.console import Console
from rich.table import Table

from sensor.simulation import DEFAULT_EVENTS, DEFAULT_USERS, MIN_EVENTS, simulate
from sensor.writer import Written, write

LOOP_RATE = 20.0
"""Events a second with `--loop` and no `--rate`: endless writing at full speed would fill the disk."""


@click.command("simulate")
@click.option("--output", "folder", type=click.Path(file_okay=False, path_type=Path), required=True, metavar="DIR",
              help="Folder for the files, one a user; made where it is missing. Existing files go on growing.")  # fmt: skip
@click.option("--events", type=click.IntRange(min=MIN_EVENTS), default=DEFAULT_EVENTS, show_default=True,
              help="Records of one round; every scenario is in it.")  # fmt: skip
@click.option("--user", "users", multiple=True, default=DEFAULT_USERS, show_default=True, metavar="NAME",
              help="Whose traffic it is; may be given several times.")  # fmt: skip
@click.option("--seed", type=click.IntRange(min=0), default=1999, show_default=True,
              help="The same seed gives the same lines.")  # fmt: skip
@click.option("--rate", type=click.FloatRange(min=0, min_open=True), metavar="EVENTS_PER_S",
              help="Pace of the writing. Default: as fast as it goes; with --loop 20.")  # fmt: skip
@click.option("--label", is_flag=True, help="Append the truth as 42nd column, as KDD's labelled files have it.")
@click.option("--loop", is_flag=True, help="Play round after round until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def command(
    folder: Path, events: int, users: tuple[str, ...], seed: int, rate: float | None, label: bool, loop: bool, as_json: bool
) -> None:  # fmt: skip
    """Make network traffic and write its raw events: people's work and some twenty attacks.

    The columns are those of KDD Cup 99, computed from the connections themselves; the lines are what `oversight ship`
    takes. Ctrl-C ends it after the line in hand.

    \b
    Example:
      oversight simulate --output logs --events 2000 --seed 7
      oversight ship logs/*.csv
    """
    records = simulate(seed=seed, start=datetime.now(UTC), users=users, events=events, loop=loop)
    with _stopped_by_signals() as stop:
        written = write(records, folder, rate=rate or (LOOP_RATE if loop else None), stop=stop, label=label)
    if as_json:
        click.echo(json.dumps(_summary(written, folder)))
    else:
        _print(written)


@contextmanager
def _stopped_by_signals() -> Iterator[threading.Event]:
    """Turn SIGINT and SIGTERM into an event, so that no line is cut off."""
    stop = threading.Event()

    def ask_to_stop(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, ask_to_stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _summary(written: Written, folder: Path) -> dict[str, object]:
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


def _print(written: Written) -> None:
    table = Table("Scenario", "Label", box=None, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("Events", justify="right")
    for (scenario, label), number in written.scenarios.most_common():
        table.add_row(scenario, label, str(number))
    console = Console(soft_wrap=True)
    console.print(table)
    console.print()
    for user, path in sorted(written.files.items()):
        console.print(f"{path}: {written.users[user]} events", highlight=False)
