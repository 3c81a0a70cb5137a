"""The output of the demo if no terminal redraws it."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from oversight.demo import view
from oversight.demo.counts import Counts, MachineCount


@pytest.mark.parametrize(("last", "lines"), [(9, 2), (10, 1)])
def test_the_last_counts_are_printed_once(monkeypatch: pytest.MonkeyPatch, last: int, lines: int) -> None:
    monkeypatch.setattr(view, "LINE_EVERY_S", 0.0)
    out = io.StringIO()
    shown = view.View(Console(file=out, width=110), {})
    with shown:
        shown.update(10, Counts(pending=10 - last, enriched=last))
        shown.finish(10, Counts(pending=0, enriched=10))
    assert sum(line.startswith("shipped 10") for line in out.getvalue().splitlines()) == lines


def test_the_attacked_machines_name_where_the_alerts_come_from() -> None:
    """One attacker by name; of several the one with the most alerts, and how many more there are."""
    machines = (
        MachineCount("172.16.10.45", 150, "192.0.2.39", 29, ("neptune", "imap")),
        MachineCount("172.16.11.42", 35, "192.0.2.18", 1, ("portsweep",)),
    )
    out = io.StringIO()
    Console(file=out, width=110).print(view.tables(Counts(machines=machines), {}))
    rows = [line.split("  ") for line in out.getvalue().splitlines() if line.strip().startswith("172.16.")]
    cells = [[cell.strip() for cell in row if cell.strip()] for row in rows]
    assert cells == [
        ["172.16.10.45", "150", "192.0.2.39 and 28 more", "neptune, imap"],
        ["172.16.11.42", "35", "192.0.2.18", "portsweep"],
    ]
