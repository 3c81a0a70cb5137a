"""One fault on one engine: tried, waited out, audited, and written down whatever happened.

with Trial(...) as trial:         faults are made, trial.tries counts them
    trial.settle(watchers)        nothing is pending any more, and every watcher still runs
└──▶ Ledger.audit() ──▶ one row in the file of rows, also if the trial failed; then it fails if the row is not clean
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import time
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, TypeVar

from tests.faults.ledger import Audit, Ledger
from tests.faults.processes import Watcher
from tests.faults.scale import NOW

ROWS = "FAULT_ROWS"
"""Environment variable with the file that rows are added to; without it none are written."""
IN_THE_TABLE = "this is in the table of faults"
LOOK_S = 0.1


@dataclasses.dataclass
class Row:
    """What the table says of one fault on one engine."""

    group: str
    fault: str
    engine: str
    scale: str = NOW.name
    tries: int = 0
    documents: int = 0
    lost: int = 0
    damaged: int = 0
    doubled: int = 0
    stuck: int = 0
    seconds: float = 0.0
    failure: str = ""
    """Why the trial as such failed; the counts say what was found all the same."""

    def line(self) -> str:
        """As it stands in the file of rows."""
        return json.dumps(dataclasses.asdict(self))

    def write(self) -> None:
        """Add it to the file of rows."""
        if ROWS in os.environ:
            with Path(os.environ[ROWS]).open("a", encoding="utf-8") as file:
                file.write(f"{self.line()}\n")


class Counted(Protocol):
    """Something that makes faults."""

    @property
    def done(self) -> int:
        """How many it has made."""


C = TypeVar("C", bound=Counted)


class Trial:
    """One fault on one engine.

    Args:
        group: what is struck: the watcher, the enrich service, the cluster, a wire.
        fault: what is done to it.
        engine: where the documents are.
        ledger: which documents.
    """

    def __init__(self, group: str, fault: str, engine: str, ledger: Ledger) -> None:
        self._row, self._ledger = Row(group, fault, engine), ledger
        self._counted: list[Counted] = []
        self.tries = 0
        """How often the fault was really there, beside what `made` counts."""
        self._began_s = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def made(self, counted: C) -> C:
        """What makes the faults of this trial, and counts them."""
        self._counted.append(counted)
        return counted

    def settle(self, watchers: Iterable[Watcher]) -> None:
        """Wait until nothing is pending. The watchers have to manage that by themselves, and live."""
        deadline = time.monotonic() + NOW.settle_s
        running = list(watchers)
        while not self._ledger.settled():
            for watcher in running:
                assert watcher.alive(), f"a watcher ended by itself: {watcher.tail()}"
            assert time.monotonic() < deadline, (
                f"{self._ledger.left()} documents are pending {NOW.settle_s:.0f} s after the last fault"
            )
            time.sleep(LOOK_S)
        time.sleep(LOOK_S)  # a watcher that would write anything twice does so now

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        audit = Audit(documents=len(self._ledger.entries))
        with contextlib.suppress(Exception) if error is not None else contextlib.nullcontext():
            audit = self._ledger.audit()
        row = self._row
        for name in ("documents", "lost", "damaged", "doubled", "stuck"):
            setattr(row, name, getattr(audit, name))
        self.tries += sum(each.done for each in self._counted)
        row.tries, row.seconds = self.tries, round(time.monotonic() - self._began_s, 1)
        row.failure = _in_a_line(error) or ("" if self.tries else "the fault never happened")
        row.write()
        if error is not None:
            error.add_note(IN_THE_TABLE)
            return
        if not audit.clean or not self.tries:
            wrong = AssertionError(f"{row.fault} on {row.engine}: {row.failure} {audit.found}")
            wrong.add_note(IN_THE_TABLE)
            raise wrong


def _in_a_line(error: BaseException | None) -> str:
    return "" if error is None else " ".join(f"{type(error).__name__}: {error}".split())[:200]
