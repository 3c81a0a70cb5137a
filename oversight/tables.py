"""Tables, colours and progress bars at the terminal; text of others in them is made visible as everywhere."""

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
    """A rich console for standard output or error (or `file`) that takes text as it is: no markup, no emoji, no
    highlighting.

    Args:
        stderr: standard error in place of standard output.
        file: another stream.
        options: as `rich.console.Console` takes them.
    """
    stream = raw(file or (sys.stderr if stderr else sys.stdout))
    return VisibleConsole(file=stream, **{"markup": False, "emoji": False, "highlight": False, **options})


def progress(*columns: ProgressColumn, transient: bool = False) -> Progress:
    """Progress bars on standard error. Other output does not pass through them: they would read colours out of it."""
    return Progress(
        *columns, console=console(stderr=True), transient=transient, redirect_stdout=False, redirect_stderr=False
    )


def live(on: Console) -> Live:
    """A picture that is drawn again and again, and goes at its end. Other output does not pass through it, as with
    bars.
    """
    return Live(console=on, refresh_per_second=4, transient=True, redirect_stdout=False, redirect_stderr=False)


def text_column(template: str) -> TextColumn:
    """A column of text for `progress`; names in it are no markup."""
    return TextColumn(template, markup=False)


class VisibleConsole(Console):
    """A console whose segments of text are made visible; its own control codes are segments of another kind."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """As `Console` does."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(visible(segment.text), segment.style)

    def render_str(self, text: str, **options: Any) -> Text:
        """As `Console` does; made visible before a column's width is measured."""
        return super().render_str(visible(text), **options)
