"""Try one fault on one engine, wait until the watchers have recovered, audit the documents, and write a row.

with Trial(...) as trial:         causes faults; trial.tries counts them
    trial.settle(watchers)        waits until no document is pending, and checks that every watcher still runs
└──▶ Ledger.audit() ──▶ a row in the file of rows, even if the trial failed; then an error if the row is not clean
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
from tests.faults.scale import FORM

ROWS = "FAULT_ROWS"
"""Environment variable: the file to add rows to; without it no rows are written."""
IN_THE_TABLE = "this is in the table of faults"
LOOK_S = 0.1


@dataclasses.dataclass
class Row:
    """A row of the table: the results of one fault on one engine."""

    group: str
    fault: str
    engine: str
    scale: str = FORM.name
    tries: int = 0
    documents: int = 0
    lost: int = 0
    damaged: int = 0
    doubled: int = 0
    stuck: int = 0
    seconds: float = 0.0
    failure: str = ""
    """Why the trial itself failed; the counts are valid anyway."""

    def line(self) -> str:
        """The row as a line of the file."""
        return json.dumps(dataclasses.asdict(self))

    def write(self) -> None:
        """Append the row to the file."""
        if ROWS in os.environ:
            with Path(os.environ[ROWS]).open("a", encoding="utf-8") as file:
                file.write(f"{self.line()}\n")


class Counted(Protocol):
    """Something that causes and counts faults."""

    @property
    def done(self) -> int:
        """Number of faults so far."""


C = TypeVar("C", bound=Counted)


class Trial:
    """One fault on one engine.

    Args:
        group: target of the fault: the watcher, the enrich service, the cluster, a connection.
        fault: description of the fault.
        engine: engine with the documents.
        ledger: the documents.
    """

    def __init__(self, group: str, fault: str, engine: str, ledger: Ledger) -> None:
        self._row, self._ledger = Row(group, fault, engine), ledger
        self._counted: list[Counted] = []
        self.tries = 0
        """Number of faults, in addition to those that `counted` objects count."""
        self._began_s = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def counted(self, counted: C) -> C:
        """Add the faults of this object to the tries; returns the object."""
        self._counted.append(counted)
        return counted

    def settle(self, watchers: Iterable[Watcher]) -> None:
        """Wait until no document is pending. The watchers must keep running and do this without help."""
        deadline = time.monotonic() + FORM.settle_s
        running = list(watchers)
        while not self._ledger.settled():
            for watcher in running:
                assert watcher.alive(), f"a watcher ended by itself: {watcher.tail()}"
            assert time.monotonic() < deadline, (
                f"{self._ledger.left()} documents are pending {FORM.settle_s:.0f} s after the last fault"
            )
            time.sleep(LOOK_S)
        time.sleep(LOOK_S)  # time for a watcher that would write a document twice

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
