"""Make the table of faults from the rows that trials wrote.

rows (JSON, one per line) ──▶ the last row of each fault and engine ──▶ Markdown, in the order of GROUPS
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.faults.trial import Row

GROUPS = (
    "watcher",
    "several watchers",
    "another writer",
    "enrich service",
    "cluster",
    "connection to the engine",
    "both connections",
    "other",
)
ENGINES = ("embedded", "opensearch", "elasticsearch", "")
COUNTS = ("tries", "documents", "lost", "damaged", "doubled", "stuck")
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
"""The table is between these two lines of a page."""


def read_rows(file: Path) -> list[Row]:
    """The last row of each fault and engine in a file."""
    found: dict[tuple[str, str, str], Row] = {}
    for line in file.read_text(encoding="utf-8").splitlines() if file.exists() else ():
        row = Row(**json.loads(line))
        found[row.group, row.fault, row.engine] = row
    return sorted(found.values(), key=_order)


def _order(row: Row) -> tuple[int, str, int]:
    return GROUPS.index(row.group), row.fault, ENGINES.index(row.engine)


def markdown(rows: Sequence[Row]) -> str:
    """The rows and their sums as a table, followed by the failures."""
    head = ["target", "fault", "engine", "form", *COUNTS, "s"]
    lines = [_line(head), _line(["---"] * 4 + ["---:"] * (len(head) - 4))]
    before = ("", "")
    for row in rows:
        group = "" if row.group == before[0] else row.group
        fault = "" if (row.group, row.fault) == before else row.fault
        before = (row.group, row.fault)
        name = f"{row.engine} **failed**" if is_bad(row) else row.engine
        lines.append(
            _line(
                [group, fault, name, row.scale, *(f"{getattr(row, count):,}" for count in COUNTS), f"{row.seconds:.0f}"]
            )
        )
    sums = [f"{sum(getattr(row, count) for row in rows):,}" for count in COUNTS]
    lines.append(_line(["**all**", "", "", "", *sums, f"{sum(row.seconds for row in rows):.0f}"]))
    failures = [f"- {row.fault}, {row.engine}: {row.failure or 'see the counts'}" for row in rows if is_bad(row)]
    return "\n".join([*lines, *([""] if failures else []), *failures])


def is_bad(row: Row) -> bool:
    """Whether this trial failed."""
    return bool(row.failure or row.lost or row.damaged or row.doubled or row.stuck or not row.tries)


def replace_in(page: str, table: str) -> str:
    """Replace the table of a page.

    Raises:
        ValueError: the page has no place for a table.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no place for a table; put {BEGIN} and {END} where it belongs")
    return f"{before}{BEGIN}\n{table}\n{END}{after}"


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
