"""Shared output of `retry` and `rescore`: progress, confirmation, result and exit code."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import click
from elasticsearch import Elasticsearch
from rich.progress import MofNCompleteColumn

from common.elastic.indices import closed_message
from contract.errors import EngineUnavailableError, InputError
from oversight.commands.stopping import INTERRUPTED
from oversight.progress import Progress
from oversight.terminal import one_line
from watcher.operations.sweep import Swept
from watcher.read.readable_indices import require_there


class SweepProgress(Progress):
    """Shows how many of the documents are done, and how many a second."""

    def __init__(self, total: int) -> None:
        super().__init__(MofNCompleteColumn())
        self._total, self._started_s = total, time.monotonic()

    def documents(self, done: int, note: str = "") -> None:
        """Show the number of documents that are done."""
        rate = done / max(time.monotonic() - self._started_s, 0.001)
        beside = f"{rate:,.0f}/s{note and f', {note}'}"
        self.show("documents", done, self._total, f"{done:,} of {self._total:,} documents, {beside}", note=beside)


def name_closed_indices(es: Elasticsearch, index: str) -> None:
    """Print the closed indices once, because their documents are left out.

    Raises:
        EngineUnavailableError: one of the indices does not exist.
    """
    closed = require_there(es, index)
    if closed:
        click.echo(one_line(f"oversight: {closed_message(closed)}"), err=True)


def confirm(question: str, *, yes: bool) -> None:
    """Ask before many documents change.

    Raises:
        InputError: there is no terminal to ask at, and --yes was not given.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise InputError(f"{question} There is no terminal to confirm this; check with --dry-run, then add --yes")
    click.confirm(question, abort=True, err=True)


def outcome_lines(swept: Swept) -> list[str]:
    """Describe the documents that were not changed, as lines."""
    lines = [one_line(f"{count:,} not changed: {reason}") for reason, count in swept.spared.most_common()]
    lines += [
        one_line(f"{count:,} refused by Elasticsearch: {reason}") for reason, count in swept.refused.most_common()
    ]
    if swept.gone:
        lines.append(f"{swept.gone:,} were deleted in the meantime")
    if swept.elsewhere:
        lines.append(f"{swept.elsewhere:,} changed in the meantime and no longer match")
    return lines


def end(swept: Swept, *, say: Callable[[str], None]) -> None:
    """Exit with 130 after a signal; otherwise fail if work is left.

    Raises:
        EngineUnavailableError: the next run can change the documents that are left.
    """
    if swept.stopped:
        say("oversight: stopped; run the same command again to continue from here")
        sys.exit(INTERRUPTED)
    if swept.left:
        raise EngineUnavailableError(
            f"{swept.left:,} documents are left, because someone else changed them or Elasticsearch did not respond; "
            f"run the same "
            f"command again"
        )
    if swept.refused:
        raise EngineUnavailableError(
            f"Elasticsearch refused to change {swept.refused.total():,} documents "
            f"({swept.refused.most_common(1)[0][0]}); fix the "
            f"cause, then run the same command again"
        )
