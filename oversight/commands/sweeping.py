"""Shared output of `retry` and `rescore`: progress, confirmation, result and exit code."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import click
from elasticsearch import Elasticsearch

from common.elastic.indices import closed_says
from contract.errors import EngineUnavailableError, InputError
from oversight.terminal import one_line, overwrite
from watcher.operations.sweep import Swept
from watcher.read.readable_indices import require_there

INTERRUPTED = 130
LINE_INTERVAL_S = 5.0


class ProgressLine:
    """Progress on standard error: one updated line at a terminal, otherwise a new line every few seconds."""

    def __init__(self, total: int) -> None:
        self._total, self._tty = total, sys.stderr.isatty()
        self._started_s = self._next_s = time.monotonic()
        if not self._tty:
            self._next_s += LINE_INTERVAL_S

    def show(self, done: int, *, note: str = "") -> None:
        """Show the progress."""
        now_s = time.monotonic()
        if now_s < self._next_s:
            return
        self._next_s = now_s + (0.2 if self._tty else LINE_INTERVAL_S)
        rate = done / max(now_s - self._started_s, 0.001)
        text = f"{done:,} of {self._total:,} documents, {rate:,.0f}/s{note and f', {note}'}"
        if self._tty:
            overwrite(f"{text:<78}")
        else:
            click.echo(text, err=True)

    def close(self) -> None:
        """Clear the line."""
        if self._tty:
            overwrite(" " * 78)
            overwrite("")


def name_closed_indices(es: Elasticsearch, index: str) -> None:
    """Print the closed indices once, because their documents are left out.

    Raises:
        EngineUnavailableError: one of the indices does not exist.
    """
    closed = require_there(es, index)
    if closed:
        click.echo(one_line(f"oversight: {closed_says(closed)}"), err=True)


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
