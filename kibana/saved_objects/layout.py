"""Place panels from left to right on a grid of 48 columns; a panel that does not fit starts a new row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kibana.panels.declarations import Panel

COLUMNS = 48


@dataclass(frozen=True, slots=True)
class Place:
    """A panel's position and size: columns and rows from the upper left corner."""

    x: int
    y: int
    width: int
    height: int


def places(panels: Sequence[Panel], *, top: int = 0) -> Iterator[tuple[Panel, Place]]:
    """Each panel with its place. Panels in the same row start at the same height.

    Args:
        panels: in reading order.
        top: rows already taken above them.
    """
    x, y, tallest = 0, top, 0
    for panel in panels:
        if x + panel.width > COLUMNS:
            x, y, tallest = 0, y + tallest, 0
        yield panel, Place(x, y, panel.width, panel.height)
        x, tallest = x + panel.width, max(tallest, panel.height)
