"""Share the work with other watchers of the same documents, of whom nothing is known but their writes.

    whole ──▶ page with many conflicts ──▶ slices in a random order, each a round ──▶ whole ──▶ ...

Two watchers that read the same page do the same work, and one of them in vain. Nobody hands out slices: each watcher
takes them in an order of its own, and leaves one in which somebody else is at work.
"""

from __future__ import annotations

import random

from watcher.read.slices import Slice

SLICES = 16
"""Parts of what is pending; several times as many as watchers that one would run."""
MANY, AT_LEAST = 0.1, 5
"""Conflicts in a page that mean another watcher: more than this share, and more than an analyst makes."""


class Share:
    """What the next round reads."""

    def __init__(self, rng: random.Random | None = None) -> None:
        self._rng = rng or random.Random()  # noqa: S311  spreads work, guards nothing
        self._left: list[int] = []
        self.now: Slice | None = None
        """The slice of this round; None: everything that is pending."""

    def next_round(self) -> Slice | None:
        """Go on to the next slice, or to everything if there is none left."""
        self.now = Slice(self._left.pop(), SLICES) if self._left else None
        return self.now

    def split(self) -> None:
        """Somebody else is at work on the same documents: slices from now on."""
        if self.now is None:
            self._left = self._rng.sample(range(SLICES), SLICES)

    def whole(self) -> None:
        """A round went wrong: read everything next, whatever the reason was."""
        self._left, self.now = [], None


def is_contended(conflicts: int, documents: int) -> bool:
    """Whether somebody else is at work on some documents; then this round is to end."""
    return conflicts >= AT_LEAST and conflicts > MANY * documents
