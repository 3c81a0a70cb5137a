"""Measure how far live values have moved from training: the population stability index (PSI) of each feature.

    rows of a page whose closest label is harmless ──▶ bins of the contract's profile ──▶ counts of this hour
                                                                                        │ one file for each worker
    PSI of a feature = Σ (live - training) · ln(live / training) ◀── sum of 24 hours ───┘

docs/decisions/0014-drift.md explains why only harmless rows count. A contract without a profile has no PSI.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from contract.artifact.contract import Feature, ModelContract
from enrich_service.predict.features import RowKey

HOURS = 24
"""A whole day, so that the difference between night and noon does not count as drift."""
HOUR_S = 3600.0
MIN_DOCUMENTS = 500
"""With fewer there is no PSI: 200 documents of the training set itself reach 0.06."""
MAX_ROWS = 100
"""Largest sample of one page, evenly spread. Rows of small pages wait until this many can be counted at once."""
LEAST_SHARE = 1e-4
"""An empty bin counts as this share, since 0 has no logarithm."""
RARE_SHARE = 0.01
"""Words with a smaller share share one bin."""


class Bins:
    """The bins of one contract: edges for floats, a bin for each common word."""

    def __init__(self, contract: ModelContract) -> None:
        profiled = [(column, f) for column, f in enumerate(contract.numeric) if f.profile_edges]
        self._columns = np.array([column for column, _ in profiled], np.intp)
        most = max((len(feature.profile_edges) for _, feature in profiled), default=0)
        # a row for each edge, so that one comparison does it for the whole page; +inf is above every value
        self._edges = np.full((most, len(profiled)), np.inf, np.float32)
        for place, (_, feature) in enumerate(profiled):
            self._edges[: len(feature.profile_edges), place] = feature.profile_edges
        worded = [(column, f) for column, f in enumerate(contract.categorical) if f.usual_shares]
        words = [_Words(feature) for _, feature in worded]
        shares = [np.array(feature.profile_shares) for _, feature in profiled] + [item.shares for item in words]
        starts = np.cumsum([0, *map(len, shares)]).tolist()
        self.fields = [feature.field for _, feature in profiled] + [feature.field for _, feature in worded]
        self._slices = [slice(a, b) for a, b in pairwise(starts)]
        self._shares = shares
        self._starts = np.array(starts[: len(profiled)], np.intp)
        self._words = [
            (column, item, start)
            for (column, _), item, start in zip(worded, words, starts[len(profiled) :], strict=False)
        ]
        self.first = slice(0, len(shares[0])) if shares else slice(0, 0)
        """The bins of the first feature: every document is in one of them."""
        self.size = starts[-1]
        """Number of bins of all features; 0 if the contract has no profile."""

    def count(self, numeric: NDArray[np.float32], categorical: NDArray[np.object_]) -> NDArray[np.int64]:
        """Number of rows in each bin, shape (size,).

        Args:
            numeric: shape (n, n_numeric), as the graph takes it.
            categorical: shape (n, n_categorical), text.
        """
        values = np.ascontiguousarray(numeric[:, self._columns].T)
        bins = np.zeros(values.shape, np.uint8)  # uint8: five times as fast as int64
        for edges in self._edges:
            bins += (values > edges[:, None]).view(np.uint8)
        places = bins + self._starts[:, None]
        words = [start + item.places(categorical[:, column].tolist()) for column, item, start in self._words]
        return np.bincount(np.concatenate([places.ravel(), *words]), minlength=self.size)

    def psi(self, counts: NDArray[np.int64]) -> dict[str, float]:
        """PSI by document field. `counts` has shape (size,) and is not all 0."""
        found = {}
        for field, where, expected in zip(self.fields, self._slices, self._shares, strict=True):
            live = np.maximum(counts[where] / counts[where].sum(), LEAST_SHARE)
            training = np.maximum(expected, LEAST_SHARE)
            found[field] = float(((live - training) * np.log(live / training)).sum())
        return found


class _Words:
    """Bins of a string feature: one for each common word, one for rare words of the vocabulary, one for others."""

    def __init__(self, feature: Feature) -> None:
        common = [(word, share) for word, share in feature.usual_shares if share >= RARE_SHARE]
        rare = len(common)
        self._place = dict.fromkeys(feature.vocabulary, rare) | {word: i for i, (word, _) in enumerate(common)}
        self._unseen = rare + 1
        known = [share for _, share in common]
        self.shares = np.array([*known, max(0.0, 1.0 - sum(known)), 0.0])

    def places(self, words: Sequence[str]) -> NDArray[np.intp]:
        find, unseen = self._place.get, self._unseen
        return np.array([find(word, unseen) for word in words], np.intp)


class Drift:
    """Counts of one model version in the last `HOURS`, by all workers of a service.

    Args:
        contract: the model's contract.
        version: the model's version.
        folder: folder with a file of counts for each worker; None keeps the counts in memory of this process.
        worker: number of this worker, usually its process id.
    """

    def __init__(self, contract: ModelContract, version: str, folder: Path | None, worker: int) -> None:
        self.bins = Bins(contract)
        self._widths = len(contract.numeric), len(contract.categorical)
        self._shape = (HOURS, 1 + self.bins.size)
        """A row for each hour: the hour since 1970, then the bins."""
        self._folder, self._pattern = folder, f"drift_{version}_*.i64"
        self._mine = self._open(None if folder is None else folder / f"drift_{version}_{worker}.i64")
        self._lock = threading.Lock()
        self._waiting: list[RowKey] = []
        self._pages = 0

    def _open(self, path: Path | None) -> NDArray[np.int64]:
        if path is None or self.bins.size == 0:
            return np.zeros(self._shape, np.int64)
        return np.memmap(path, np.int64, "r+" if path.exists() else "w+", shape=self._shape)

    def add(self, rows: Sequence[RowKey]) -> None:
        """Count the rows of a page, or an even sample of them."""
        if self.bins.size == 0 or not rows:
            return
        step = -(-len(rows) // MAX_ROWS)
        with self._lock:
            self._waiting += rows[self._pages % step :: step]  # starts elsewhere in each page: pages may have a pattern
            self._pages += 1
            if len(self._waiting) >= MAX_ROWS:
                self._count()

    def _count(self) -> None:
        """Count the rows that wait; the caller holds the lock."""
        if not self._waiting:
            return
        rows, self._waiting = self._waiting, []
        n_numbers, n_words = self._widths
        numeric = np.frombuffer(b"".join(numbers for numbers, _ in rows), np.float32).reshape(len(rows), n_numbers)
        categorical = np.array([words for _, words in rows], np.object_).reshape(len(rows), n_words)
        now = int(time.time() // HOUR_S)
        hour = self._mine[now % HOURS]
        if hour[0] != now:
            hour[:] = 0
            hour[0] = now
        hour[1:] += self.bins.count(numeric, categorical)

    def psi(self) -> tuple[int, dict[str, float]]:
        """Number of counted documents of all workers, and the PSI by field; no PSI below `MIN_DOCUMENTS`."""
        if self.bins.size == 0:
            return 0, {}
        with self._lock:
            self._count()
        counts = sum((self._recent(part) for part in self._parts()), np.zeros(self.bins.size, np.int64))
        documents = int(counts[self.bins.first].sum())
        return documents, self.bins.psi(counts) if documents >= MIN_DOCUMENTS else {}

    def _parts(self) -> list[NDArray[np.int64]]:
        if self._folder is None:
            return [self._mine]
        found = [np.fromfile(path, np.int64) for path in sorted(self._folder.glob(self._pattern))]
        return [part.reshape(self._shape) for part in found if part.size == self._shape[0] * self._shape[1]]

    @staticmethod
    def _recent(part: NDArray[np.int64]) -> NDArray[np.int64]:
        oldest = int(time.time() // HOUR_S) - HOURS
        recent: NDArray[np.int64] = part[part[:, 0] > oldest, 1:].sum(axis=0)
        return recent
