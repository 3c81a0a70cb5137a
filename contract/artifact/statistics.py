"""What a contract says of a column of numbers: usual values, and how they spread over bins.

    commonest value ──▶ a bin of its own ┐
    all other rows ───▶ up to 8 parts ───┴▶ inner edges, ascending ──▶ share of the rows in each bin

Most columns of KDD are nearly always 0, so quantiles of all rows would all be 0. Therefore the commonest value gets
its own bin. The other rows are split at their own quantiles, with at least `MIN_SHARE` of all rows in each part.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

USUAL = (0.05, 0.5, 0.95)
"""Quantiles of the harmless rows; a value between the first and the last is usual."""
PARTS = 8
"""Largest number of bins for the rows without the commonest value."""
MIN_SHARE = 0.01
"""Smallest share of rows in a bin: in a smaller one a few rows change the share, so it means nothing."""
DIGITS = 6


def profile(
    values: NDArray[np.float32], counts: NDArray[np.int64], *, seen: NDArray[np.float32]
) -> tuple[NDArray[np.float32], tuple[float, ...]]:
    """The profile's edges and shares.

    Args:
        values: shape (n,), of the normal rows.
        counts: shape (n,), how many rows each value stands for.
        seen: shape (m,), of all rows: the next smaller value there is the lower edge of the commonest value's bin.
    Returns:
        edges, ascending, at most `PARTS + 1` of them; shares, one more, which sum to 1 apart from rounding.
    """
    distinct, which = np.unique(values, return_inverse=True)
    rows = np.bincount(which, weights=counts).astype(np.float64)
    top = int(rows.argmax())
    edges = np.unique(np.concatenate([_around(distinct[top], seen), _quantiles(distinct, rows, top)]))
    shares = np.bincount(np.searchsorted(edges, distinct), weights=rows, minlength=len(edges) + 1) / rows.sum()
    return edges, tuple(round(float(share), DIGITS) for share in shares)


def _around(commonest: np.float32, seen: NDArray[np.float32]) -> NDArray[np.float32]:
    """The edges of a bin that holds the commonest value and no other value seen."""
    below = seen[seen < commonest]
    edges: NDArray[np.float32] = np.append(below.max(initial=-np.inf), commonest).astype(np.float32)
    return edges[np.isfinite(edges)]


def _quantiles(distinct: NDArray[np.float32], rows: NDArray[np.float64], top: int) -> NDArray[np.float32]:
    """Inner quantiles of all rows without the commonest value; each is a value that occurs."""
    others, weights = np.delete(distinct, top), np.delete(rows, top)
    parts = min(PARTS, int(weights.sum() / rows.sum() / MIN_SHARE))
    if parts < 2:
        return np.empty(0, np.float32)
    reached = np.cumsum(weights)
    places = np.searchsorted(reached, np.arange(1, parts) / parts * reached[-1])
    edges: NDArray[np.float32] = others[places]
    return edges


def quantiles(values: NDArray[np.float32], counts: NDArray[np.int64]) -> NDArray[np.float32]:
    """The `USUAL` quantiles of values with these counts, both of shape (n,). Each quantile is a value that occurs."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(counts[order])
    places = np.searchsorted(reached, np.array(USUAL) * reached[-1])
    found: NDArray[np.float32] = values[order][places]
    return found


def shortest(value: np.floating[Any] | NDArray[np.floating[Any]]) -> float:
    """The float with the fewest digits that means this float32: 0.01 and not 0.009999999776482582."""
    return float(str(np.float32(value)))
