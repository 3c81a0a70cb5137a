"""Which part of what is pending somebody reads. Pure, no I/O.

    2/3 of all machines ──▶ part of it that is shared by conflicts ──▶ part of one lane in this process

Parts of one point in time are told apart by the engine (ranges of its own document numbers, the cheapest way). Watchers
that do not share a point in time tell them apart by `_seq_no`, which stays as it is while a document is pending.
"""

from __future__ import annotations

import re
from typing import NamedTuple

MAX_PARTS = 1024
"""What Elasticsearch allows by default (`index.max_slices_per_pit`)."""
STABLE_FIELD = "_seq_no"


class Slice(NamedTuple):
    """One part, counted from 0, of how many."""

    id: int
    max: int

    def narrowed(self, inner: Slice) -> Slice:
        """That part of this part."""
        return Slice(self.id * inner.max + inner.id, self.max * inner.max)

    def __str__(self) -> str:
        """As a person counts, from 1."""
        return f"{self.id + 1}/{self.max}"


def parse_slice(text: str) -> Slice:
    """The slice that a person calls `2/3`.

    Raises:
        ValueError: it is none.
    """
    found = re.fullmatch(r"(\d{1,3})/(\d{1,3})", text.strip())
    number, count = (int(found[1]), int(found[2])) if found else (0, 0)
    if not 1 <= number <= count <= 64:
        raise ValueError(f"{text!r} is not a slice; expected I/N with I from 1 to N and N at most 64, such as 2/3")
    return Slice(number - 1, count)


def combined(*parts: Slice | None) -> Slice | None:
    """Part of a part of a part; None: all. Parts that would be more than the engine allows are left whole."""
    whole: Slice | None = None
    for part in parts:
        if part is None or part.max == 1:
            continue
        narrower = part if whole is None else whole.narrowed(part)
        if narrower.max <= MAX_PARTS:
            whole = narrower
    return whole
