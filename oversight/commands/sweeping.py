"""What `retry` and `rescore` share at the terminal: progress, the question before the work, the way they end."""

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
    """One line on standard error: written over at a terminal, a new one every few seconds elsewhere."""

    def __init__(self, total: int) -> None:
        self._total, self._tty = total, sys.stderr.isatty()
        self._started_s = self._next_s = time.monotonic()
        if not self._tty:
            self._next_s += LINE_INTERVAL_S

    def show(self, done: int, *, note: str = "") -> None:
        """Say how far it is."""
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
        """Leave the line."""
        if self._tty:
            overwrite(" " * 78)
            overwrite("")


def look_first(es: Elasticsearch, index: str) -> None:
    """Name closed indices once: the documents in them are left out.

    Raises:
        EngineUnavailableError: there is no index of one of the names.
    """
    closed = require_there(es, index)
    if closed:
        click.echo(one_line(f"oversight: {closed_says(closed)}"), err=True)


def agree(question: str, *, yes: bool) -> None:
    """Ask before many documents change.

    Raises:
        InputError: nobody is there to ask, and --yes was not given.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise InputError(f"{question} There is no terminal to confirm this; check with --dry-run, then add --yes")
    click.confirm(question, abort=True, err=True)


def outcome_lines(swept: Swept) -> list[str]:
    """What became of the documents that were not changed."""
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
    """The exit code: 130 after a signal, 1 where something is left to do.

    Raises:
        EngineUnavailableError: documents are left that the next run may change.
    """
    if swept.stopped:
        say("oversight: stopped; run the same command again to continue from here")
        sys.exit(INTERRUPTED)
    if swept.left:
        raise EngineUnavailableError(
            f"{swept.left:,} documents are left, because somebody else changed them or Elasticsearch did not respond; "
            f"run the same "
            f"command again"
        )
    if swept.refused:
        raise EngineUnavailableError(
            f"Elasticsearch refused to change {swept.refused.total():,} documents "
            f"({swept.refused.most_common(1)[0][0]}); fix the "
            f"cause, then run the same command again"
        )
