"""Share the work with other watchers of the same documents, which are only known by their writes.

    everything ──▶ page with many conflicts ──▶ slices in a random order, one per round ──▶ everything ──▶ ...

Two watchers that read the same page do the same work twice. Nobody assigns slices: each watcher takes them in its own
random order, and leaves a slice in which another watcher works.
"""

from __future__ import annotations

import random

from watcher.read.slices import Slice

SLICES = 16
"""Slices of the pending documents: several times the usual number of watchers."""
MANY, AT_LEAST = 0.1, 5
"""Share and number of conflicts in a page that mean another watcher; an analyst causes fewer."""


class Share:
    """Decides what the next round reads."""

    def __init__(self, rng: random.Random | None = None) -> None:
        self._rng = rng or random.Random()  # noqa: S311  spreads work, guards nothing
        self._left: list[int] = []
        self.now: Slice | None = None
        """The slice of this round; None: everything."""

    def next_round(self) -> Slice | None:
        """Take the next slice, or everything if none is left."""
        self.now = Slice(self._left.pop(), SLICES) if self._left else None
        return self.now

    def split(self) -> None:
        """Another watcher works on the same documents: read slices from now on."""
        if self.now is None:
            self._left = self._rng.sample(range(SLICES), SLICES)

    def whole(self) -> None:
        """Read everything in the next round, because this one failed or found nothing."""
        self._left, self.now = [], None


def is_contended(conflicts: int, documents: int) -> bool:
    """Whether another watcher works on the same documents; then this round must end."""
    return conflicts >= AT_LEAST and conflicts > MANY * documents
