"""Measure how far live values have moved from training: the population stability index (PSI) of each feature.

    rows of a page whose closest label is harmless ──▶ bins of the contract's profile ──▶ counts of this hour
                                                                                        │ one file for each worker
    PSI of a feature = Σ (live - training) · ln(live / training) ◀── sum of 24 hours ───┘

docs/decisions/0014-drift.md explains why only harmless rows count. A contract without a profile has no PSI. A missing
value (NaN) is in no bin: the profile has only values that were there.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
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
MOVED, NOT_AS_LEARNED = 0.1, 0.25
"""Below the first PSI nothing moved; above the second the feature is no longer what the model learned."""
RARE_SHARE = 0.01
"""Words with a smaller share share one bin."""


class Bins:
    """The bins of one contract, or of a site's profile: edges for floats, a bin for each common word."""

    def __init__(self, contract: ModelContract) -> None:
        floats = [(column, f) for column, f in enumerate(contract.numeric) if f.profile_edges]
        words = [(column, f) for column, f in enumerate(contract.categorical) if f.usual_shares]
        self._edges = [(column, np.array(feature.profile_edges, np.float32)) for column, feature in floats]
        self._words = [(column, _places(feature)) for column, feature in words]
        self._shares = {feature.field: np.array(feature.profile_shares) for _, feature in floats}
        self._shares |= {feature.field: np.array(_shares(feature)) for _, feature in words}
        self.sizes = [len(shares) for shares in self._shares.values()]
        """Number of bins of each feature; empty if the contract has no profile."""

    def count(self, numeric: NDArray[np.float32], categorical: NDArray[np.object_]) -> NDArray[np.int64]:
        """Number of rows in each bin, shape (sum of `sizes`,).

        Args:
            numeric: shape (n, n_numeric), as the graph takes it.
            categorical: shape (n, n_categorical), text.
        """
        places = []
        for column, edges in self._edges:
            values = numeric[:, column]
            places.append(edges.searchsorted(values[~np.isnan(values)]))
        for column, place_of in self._words:
            unseen = max(place_of.values()) + 1
            places.append(np.array([place_of.get(word, unseen) for word in categorical[:, column].tolist()], np.intp))
        counts = [np.bincount(place, minlength=size) for place, size in zip(places, self.sizes, strict=True)]
        return np.concatenate(counts)

    def psi(self, counts: NDArray[np.int64]) -> dict[str, float]:
        """PSI by document field; `counts` as from `count`. A feature with fewer than `MIN_DOCUMENTS` has none."""
        found = {}
        parts = np.split(counts, np.cumsum(self.sizes)[:-1])
        for (field, shares), part in zip(self._shares.items(), parts, strict=True):
            if part.sum() < MIN_DOCUMENTS:  # the value is missing in the others
                continue
            live = np.maximum(part / part.sum(), LEAST_SHARE)
            training = np.maximum(shares, LEAST_SHARE)
            found[field] = float(((live - training) * np.log(live / training)).sum())
        return found


def _common(feature: Feature) -> list[tuple[str, float]]:
    """The words of a string feature with a bin of their own, with their shares."""
    return [(word, share) for word, share in feature.usual_shares if share >= RARE_SHARE]


def _places(feature: Feature) -> dict[str, int]:
    """The bin of each known word: the common ones first, then one for all rare words; unseen words are in the next."""
    common = _common(feature)
    known = (*feature.vocabulary, *(word for word, _ in feature.usual_shares))  # a site has words that the model lacks
    return dict.fromkeys(known, len(common)) | {word: place for place, (word, _) in enumerate(common)}


def _shares(feature: Feature) -> list[float]:
    """The share of each bin in training."""
    common = [share for _, share in _common(feature)]
    return [*common, max(0.0, 1.0 - sum(common)), 0.0]


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
        self._n_bins = sum(self.bins.sizes)
        self._shape = (HOURS, 2 + self._n_bins)
        """A row for each hour: the hour since 1970, the number of documents, then the bins."""
        self._folder, self._pattern = folder, f"drift_{version}_*.i64"
        self._mine = self._open(None if folder is None else folder / f"drift_{version}_{worker}.i64")
        self._lock = threading.Lock()
        self._waiting: list[RowKey] = []
        self._pages = 0

    def _open(self, path: Path | None) -> NDArray[np.int64]:
        if path is None or self._n_bins == 0:
            return np.zeros(self._shape, np.int64)
        return np.memmap(path, np.int64, "r+" if path.exists() else "w+", shape=self._shape)

    def add(self, rows: Sequence[RowKey]) -> None:
        """Count the rows of a page, or an even sample of them."""
        if self._n_bins == 0 or not rows:
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
        hour[1] += len(rows)
        hour[2:] += self.bins.count(numeric, categorical)

    def psi(self) -> tuple[int, dict[str, float]]:
        """Number of counted documents of all workers, and the PSI by field; no PSI below `MIN_DOCUMENTS`."""
        if self._n_bins == 0:
            return 0, {}
        with self._lock:
            self._count()
        hours = np.concatenate(self._parts())
        counts: NDArray[np.int64] = hours[hours[:, 0] > int(time.time() // HOUR_S) - HOURS, 1:].sum(axis=0)
        documents = int(counts[0])
        return documents, self.bins.psi(counts[1:]) if documents >= MIN_DOCUMENTS else {}

    def _parts(self) -> list[NDArray[np.int64]]:
        """The counts of each worker."""
        if self._folder is None:
            return [self._mine]
        found = [np.fromfile(path, np.int64) for path in sorted(self._folder.glob(self._pattern))]
        return [part.reshape(self._shape) for part in found if part.size == self._shape[0] * self._shape[1]]
