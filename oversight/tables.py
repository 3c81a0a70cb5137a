"""Tables, colours and progress bars at the terminal. Control characters in their text are escaped."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any, TextIO

from rich.console import Console, ConsoleOptions, RenderableType
from rich.live import Live
from rich.progress import Progress, ProgressColumn, TextColumn
from rich.segment import Segment
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


def progress(*columns: ProgressColumn, transient: bool = False) -> Progress:
    """Return progress bars on standard error. Other output bypasses them, because they would change its colours."""
    return Progress(
        *columns, console=console(stderr=True), transient=transient, redirect_stdout=False, redirect_stderr=False
    )


def live(on: Console) -> Live:
    """Return a live display that is cleared at its end. Other output bypasses it, as for `progress`."""
    return Live(console=on, refresh_per_second=4, transient=True, redirect_stdout=False, redirect_stderr=False)


def text_column(template: str) -> TextColumn:
    """Return a column of text for `progress`, without markup."""
    return TextColumn(template, markup=False)


class VisibleConsole(Console):
    """A console that escapes control characters in text. Its own control codes are separate segments and stay."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render, as `Console` does."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(visible(segment.text), segment.style)

    def render_str(self, text: str, **options: Any) -> Text:
        """Render a string, as `Console` does, but escape it before the width of a column is measured."""
        return super().render_str(visible(text), **options)
