"""Results of rows that were answered before. A flood is one connection thousands of times, and the model says of each
the same.

keys of a page ─▶ new generation ──▶ old generation ─▶ missing ──▶ one run of the model for each different row ──▶ keep
                       ▲                    │                                                                       │
                       └──── found again ───┘◀───────────────── the new generation, until it is half of the size ◀──┘

A key is the row itself, every bit of what the graph would take, so what is found is what the model would say. A cache
belongs to one model: another version begins with none. Rows that do not come again are thrown away with their
generation. Looking up takes time too: where it takes more than it saves, most pages are not looked up at all.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter

from enrich_service.config import DEFAULT_CACHE_BYTES

SMALL_PAGE = 32
"""Documents of a page that is always looked up: that takes a hundredth of what the model takes for it."""
EVERY = 16
"""Where it does not pay, one page of so many is still looked up: traffic changes."""
WEIGHT = 0.25
"""Of the last page in what is known of the traffic."""
ENTRY_BYTES = 300
"""What an entry takes beside its texts: the objects and its places in the dict."""

Kept = tuple[bytes, int, bool, bool, tuple[str, ...]]
"""What is known of a row: the JSON of its result from behind the id; and what is counted of it: closest label, novel,
unknown, warnings. A plain tuple: Python's collector need not look at those again and again."""

rests_of, closest_of, novel_of, unknown_of, warnings_of = map(itemgetter, range(5))


class ResultCache:
    """Results of one model by row, bounded in bytes. Threads share it.

    Args:
        max_bytes: of all entries together, about; 0 keeps none.
    """

    def __init__(self, max_bytes: int = DEFAULT_CACHE_BYTES) -> None:
        self._half_bytes = max_bytes // 2
        self._new: dict[bytes, Kept] = {}
        self._old: dict[bytes, Kept] = {}
        self._new_bytes = 0
        self._gain, self._turn = 1.0, 0
        self._lock = threading.Lock()

    def pays(self, n_rows: int) -> bool:
        """Whether a page of so many rows is worth looking up, by what the last ones brought."""
        if not self._half_bytes:
            return False
        if n_rows < SMALL_PAGE or self._gain >= 0:
            return True
        self._turn += 1
        return self._turn % EVERY == 0

    def look(self, keys: Sequence[bytes]) -> list[Kept | None]:
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

    def keep(self, entries: Mapping[bytes, Kept]) -> None:
        """Know these rows from now on."""
        if not entries:
            return
        size = sum(map(len, entries)) + sum(map(len, map(rests_of, entries.values()))) + len(entries) * ENTRY_BYTES
        with self._lock:
            if self._new_bytes + size > self._half_bytes:
                self._old, self._new, self._new_bytes = self._new, {}, 0
            if size <= self._half_bytes:
                self._new.update(entries)
                self._new_bytes += size

    def looked(self, n_rows: int, n_asked: int, *, look_s: float, ask_s: float) -> None:
        """Learn what looking up a page brought.

        Args:
            n_rows: its rows.
            n_asked: those of them that the model was asked for.
            look_s: time of all but the model.
            ask_s: time of the model and what goes with it.
        """
        if n_rows < SMALL_PAGE:
            return
        saved = 1.0 if not n_asked else (n_rows - n_asked) * ask_s / n_asked / look_s - 1.0
        self._gain += WEIGHT * (min(saved, 1.0) - self._gain)

    def __len__(self) -> int:
        return len(self._new) + len(self._old)


def first_rows(keys: Sequence[bytes], rows: Iterable[int]) -> dict[bytes, int]:
    """The first of these rows with each key."""
    first: dict[bytes, int] = {}
    for row in rows:
        first.setdefault(keys[row], row)
    return first
