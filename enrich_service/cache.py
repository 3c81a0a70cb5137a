"""Results of rows that were answered before. A flood is one connection thousands of times, and the model says of each the same.

    keys of a page ──▶ new generation ──▶ old generation ──▶ missing ──▶ one run of the model for each different row ──▶ keep
                            ▲                    │                                                                        │
                            └──── found again ───┘◀────────────────── the new generation, until it is half of the size ◀──┘

A key is the row itself, every bit of what the graph would take, so what is found is what the model would say. A cache belongs to one
model: another version begins with none. Rows that do not come again are thrown away with their generation, and where hardly any
comes again most pages are not looked up at all.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from enrich_service.config import DEFAULT_CACHE_BYTES
from enrich_service.features import RowKey

SMALL_PAGE = 32
"""Documents of a page that is always looked up: that takes a hundredth of what the model takes for it."""
LEAST_SHARE = 0.1
"""Of rows that come again, from which looking up pays whatever the rows are."""
EVERY = 8
"""Where it does not pay, one page of so many is still looked up: traffic changes."""
WEIGHT = 0.25
"""Of the last page in the share of rows that come again."""
ENTRY_BYTES = 500
"""What an entry takes beside its text and its numbers: the objects and its place in the dict."""


class Kept(NamedTuple):
    """What is known of a row: its result, and what is counted of it."""

    rest: bytes
    """The JSON of its result from behind the id."""
    closest: int
    novel: bool
    unknown: bool
    warnings: list[str]


class ResultCache:
    """Results of one model by row, bounded in bytes. Threads share it.

    Args:
        max_bytes: of all entries together, about; 0 keeps none.
    """

    def __init__(self, max_bytes: int = DEFAULT_CACHE_BYTES) -> None:
        self._half_bytes = max_bytes // 2
        self._new: dict[RowKey, Kept] = {}
        self._old: dict[RowKey, Kept] = {}
        self._new_bytes = 0
        self._share, self._turn = 1.0, 0
        self._lock = threading.Lock()

    def pays(self, n_rows: int) -> bool:
        """Whether a page of so many rows is worth looking up, by what the last ones brought."""
        if not self._half_bytes:
            return False
        if n_rows < SMALL_PAGE or self._share >= LEAST_SHARE:
            return True
        self._turn += 1
        return self._turn % EVERY == 0

    def look(self, keys: Sequence[RowKey]) -> list[Kept | None]:
        """What is known of each row."""
        new, old = self._new, self._old
        found = list(map(new.get, keys))
        if old and None in found:
            again = {}
            for row, key in enumerate(keys):
                if found[row] is None and (kept := old.get(key)) is not None:
                    found[row] = again[key] = kept
            self.keep(again)
        return found

    def keep(self, entries: Mapping[RowKey, Kept]) -> None:
        """Know these rows from now on."""
        if not entries:
            return
        size = sum(map(_size, entries.values())) + len(entries) * (ENTRY_BYTES + len(next(iter(entries))[0]))
        with self._lock:
            if self._new_bytes + size > self._half_bytes:
                self._old, self._new, self._new_bytes = self._new, {}, 0
            if size <= self._half_bytes:
                self._new.update(entries)
                self._new_bytes += size

    def looked(self, n_rows: int, n_again: int) -> None:
        """Learn from a page how many of its rows needed no run of the model."""
        if n_rows >= SMALL_PAGE:
            self._share += WEIGHT * (n_again / n_rows - self._share)

    def __len__(self) -> int:
        return len(self._new) + len(self._old)


def _size(kept: Kept) -> int:
    return len(kept.rest)


def first_rows(keys: Sequence[RowKey], rows: Iterable[int]) -> dict[RowKey, int]:
    """The first of these rows with each key."""
    first: dict[RowKey, int] = {}
    for row in rows:
        first.setdefault(keys[row], row)
    return first
