"""Slices: which part of the pending documents a watcher or a lane reads. No I/O.

    share of this watcher, 2/3 ──▶ part of it after conflicts (work_sharing.py) ──▶ part of one lane in this process

The engine slices one point in time by its own document numbers, the cheapest way. Watchers that do not share a point in
time slice by `_seq_no`, which does not change while a document is pending.
"""

from __future__ import annotations

import re
from typing import NamedTuple

MAX_PARTS = 1024
"""Elasticsearch's default limit (`index.max_slices_per_pit`)."""
STABLE_FIELD = "_seq_no"


class Slice(NamedTuple):
    """Number of a part, counted from 0, and the count of parts."""

    id: int
    max: int

    def narrowed(self, inner: Slice) -> Slice:
        """Return a part of this part."""
        return Slice(self.id * inner.max + inner.id, self.max * inner.max)

    def __str__(self) -> str:
        """Format it as people count, from 1."""
        return f"{self.id + 1}/{self.max}"


def parse_slice(text: str) -> Slice:
    """Parse a slice in the form `2/3`.

    Raises:
        ValueError: the text is no slice.
    """
    found = re.fullmatch(r"(\d{1,3})/(\d{1,3})", text.strip())
    number, count = (int(found[1]), int(found[2])) if found else (0, 0)
    if not 1 <= number <= count <= 64:
        raise ValueError(f"{text!r} is not a slice; expected I/N with I from 1 to N and N at most 64, such as 2/3")
    return Slice(number - 1, count)


def combined(*parts: Slice | None) -> Slice | None:
    """Return the part of a part of a part; None: everything. A part that would exceed the engine's limit is skipped."""
    whole: Slice | None = None
    for part in parts:
        if part is None or part.max == 1:
            continue
        narrower = part if whole is None else whole.narrowed(part)
        if narrower.max <= MAX_PARTS:
            whole = narrower
    return whole
