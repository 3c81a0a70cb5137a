"""Tables, colours and progress bars at the terminal. Control characters in their text are escaped.

Other output bypasses live displays and bars, because rich would change its colours.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable
from typing import Any, TextIO

from rich.console import Console, ConsoleOptions, RenderableType
from rich.live import Live
from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from oversight.terminal import raw, visible


def console(*, stderr: bool = False, file: TextIO | None = None, **options: Any) -> Console:
    """Return a rich console for standard output, standard error or `file`, without markup, emoji and highlighting.

    Args:
        stderr: standard error instead of standard output.
        file: another stream.
        options: as for `rich.console.Console`.
    """
    stream = raw(file or (sys.stderr if stderr else sys.stdout))
    return VisibleConsole(file=stream, **{"markup": False, "emoji": False, "highlight": False, **options})


def table(*columns: str, right: Collection[str] = (), uncut: str | None = None) -> Table:
    """Return an empty table in the style of the commands.

    Args:
        columns: their titles.
        right: the columns of numbers.
        uncut: a column that is never cut.
    """
    made = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    for name in columns:
        made.add_column(name, justify="right" if name in right else "left", no_wrap=name == uncut)
    return made


def progress_bars(*columns: ProgressColumn) -> Progress:
    """Return progress bars on standard error, which are removed at their end; other output bypasses them.

    Args:
        columns: what to show between the bar and the `note` of a task.
    """
    name, note = (TextColumn(f"{{task.{part}}}", markup=False) for part in ("description", "fields[note]"))
    return Progress(
        *(name, BarColumn(), *columns, note),
        console=console(stderr=True),
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )


def live(on: Console) -> Live:
    """Return a live display that is cleared at its end. Other output bypasses it."""
    return Live(console=on, refresh_per_second=4, transient=True, redirect_stdout=False, redirect_stderr=False)


class VisibleConsole(Console):
    """A console that escapes control characters in text. Its own control codes are separate segments and stay."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render, as `Console` does."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(visible(segment.text), segment.style)

    def render_str(self, text: str, **options: Any) -> Text:
        """Render a string, as `Console` does, but escape it before the width of a column is measured."""
        return super().render_str(visible(text), **options)
