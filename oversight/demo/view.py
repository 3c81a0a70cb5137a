"""The demo's output: live tables at a terminal, otherwise one line a second, and tables at the end."""

from __future__ import annotations

import time
from collections.abc import Mapping

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from oversight.demo.counts import Counts
from oversight.tables import live

LINE_EVERY_S = 1.0
NORMAL_COLOUR, ATTACK_COLOUR, UNKNOWN_COLOUR = "blue", "dark_orange", "magenta"
"""Colour-blind people can tell them apart; the label beside the colour says the same."""


class View:
    """Shows the counts as they change. Use it in a `with` block."""

    def __init__(self, console: Console, played: Mapping[str, int]) -> None:
        self._console = console
        self._played = played
        self._began = time.monotonic()
        self._last_line = 0.0
        self._printed: tuple[int, Counts] | None = None
        self._live = live(console) if console.is_terminal else None

    def __enter__(self) -> View:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def update(self, shipped: int, counts: Counts) -> None:
        """Show the newest counts."""
        if self._live:
            self._live.update(Group(Text(self._line(shipped, counts)), tables(counts, self._played)))
        elif time.monotonic() - self._last_line >= LINE_EVERY_S:
            self._last_line = time.monotonic()
            self._print(shipped, counts)

    def finish(self, shipped: int, counts: Counts) -> None:
        """Show the final counts."""
        if self._live:
            self._live.stop()
            self._live = None
        if (shipped, counts) != self._printed:
            self._print(shipped, counts)
        self._console.print(tables(counts, self._played))

    def _print(self, shipped: int, counts: Counts) -> None:
        self._printed = shipped, counts
        self._console.print(self._line(shipped, counts))

    def _line(self, shipped: int, counts: Counts) -> str:
        return progress_line(shipped, counts, time.monotonic() - self._began)


def progress_line(shipped: int, counts: Counts, seconds: float) -> str:
    """Return all counts in one line; events/s is the average over the whole time."""
    rate = (counts.enriched + counts.failed) / seconds if seconds > 0 else 0.0
    return (
        f"shipped {shipped:,}  pending {counts.pending:,}  enriched {counts.enriched:,}  "
        f"failed {counts.failed:,}  {rate:,.0f} events/s"
    )


def tables(counts: Counts, played: Mapping[str, int]) -> RenderableType:
    """Return the predictions by label, beside what the simulator generated, and by user."""
    return Group("", label_table(counts, played), "", user_table(counts), "")


def label_table(counts: Counts, played: Mapping[str, int]) -> Table:
    """Return one row per label: how often the simulator generated it, and how often the model predicted it."""
    table = Table("label", "family", box=None, header_style="bold", title="Predictions by label", title_justify="left")
    table.add_column("predicted", justify="right")
    table.add_column("played", justify="right")
    predicted = {entry.label: entry for entry in counts.labels}
    for label in sorted(
        {*predicted, *played}, key=lambda name: -(predicted[name].documents if name in predicted else 0)
    ):
        entry = predicted.get(label)
        table.add_row(
            Text(label, style=_colour(label)),
            entry.family if entry else "",
            f"{entry.documents:,}" if entry else "0",
            f"{played.get(label, 0):,}",
        )
    return table


def user_table(counts: Counts) -> Table:
    """Return one row per user: events, alerts, unknowns and the most frequent attacks."""
    table = Table("user", box=None, header_style="bold", title="Predictions by user", title_justify="left")
    for name in ("events", "alerts", "unknown"):
        table.add_column(name, justify="right")
    table.add_column("most frequent attacks")
    for entry in sorted(counts.users, key=lambda entry: entry.user):
        row = (entry.user, f"{entry.documents:,}", f"{entry.alerts:,}", f"{entry.unknown:,}", ", ".join(entry.attacks))
        table.add_row(*row)
    return table


def _colour(label: str) -> str:
    if label == "normal":
        return NORMAL_COLOUR
    return UNKNOWN_COLOUR if label == "unknown" else ATTACK_COLOUR
