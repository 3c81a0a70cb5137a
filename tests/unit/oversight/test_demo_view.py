"""The output of the demo if no terminal redraws it."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from oversight.demo import view
from oversight.demo.counts import Counts


@pytest.mark.parametrize(("last", "lines"), [(9, 2), (10, 1)])
def test_the_last_counts_are_printed_once(monkeypatch: pytest.MonkeyPatch, last: int, lines: int) -> None:
    monkeypatch.setattr(view, "LINE_EVERY_S", 0.0)
    out = io.StringIO()
    shown = view.View(Console(file=out, width=110), {})
    with shown:
        shown.update(10, Counts(pending=10 - last, enriched=last))
        shown.finish(10, Counts(pending=0, enriched=10))
    assert sum(line.startswith("shipped 10") for line in out.getvalue().splitlines()) == lines
