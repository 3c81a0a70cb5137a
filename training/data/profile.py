"""How the normal rows spread over a float column, as the contract keeps it: bins and their shares.

    commonest value ──▶ a bin of its own ┐
    all other rows ───▶ up to 8 parts ───┴▶ inner edges, ascending ──▶ share of the rows in each bin

Most columns of KDD are nearly always 0. Quantiles of all rows would all be 0 there, so the commonest value gets its own
bin and the rest is parted by its own quantiles, each part of at least `MIN_SHARE` of all rows.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

PARTS = 8
"""Bins of the rows that do not have the commonest value."""
MIN_SHARE = 0.01
"""A bin that holds less moves with single rows, and a figure made of it says nothing."""
DIGITS = 6


def profile(
    values: NDArray[np.float32], counts: NDArray[np.int64], *, seen: NDArray[np.float32]
) -> tuple[NDArray[np.float32], tuple[float, ...]]:
    """Edges and shares of some values that occur so often each.

    Args:
        values: shape (n,), of the normal rows.
        counts: shape (n,), how many rows each stands for.
        seen: shape (m,), of all rows: the next smaller value there closes the bin of the commonest value from below.
    Returns:
        edges, ascending, at most `PARTS + 1` of them; shares, one more, together 1 but for rounding.
    """
    distinct, which = np.unique(values, return_inverse=True)
    rows = np.bincount(which, weights=counts).astype(np.float64)
    top = int(rows.argmax())
    edges = np.unique(np.concatenate([_around(distinct[top], seen), _quantiles(distinct, rows, top)]))
    shares = np.bincount(np.searchsorted(edges, distinct), weights=rows, minlength=len(edges) + 1) / rows.sum()
    return edges, tuple(round(float(share), DIGITS) for share in shares)


def _around(commonest: np.float32, seen: NDArray[np.float32]) -> NDArray[np.float32]:
    """The edges that leave the commonest value alone among the values seen."""
    below = seen[seen < commonest]
    edges: NDArray[np.float32] = np.append(below.max(initial=-np.inf), commonest).astype(np.float32)
    return edges[np.isfinite(edges)]


def _quantiles(distinct: NDArray[np.float32], rows: NDArray[np.float64], top: int) -> NDArray[np.float32]:
    """Inner quantiles of all rows but those of the commonest value; each is a value that occurs."""
    others, weights = np.delete(distinct, top), np.delete(rows, top)
    parts = min(PARTS, int(weights.sum() / rows.sum() / MIN_SHARE))
    if parts < 2:
        return np.empty(0, np.float32)
    reached = np.cumsum(weights)
    places = np.searchsorted(reached, np.arange(1, parts) / parts * reached[-1])
    found: NDArray[np.float32] = others[places]
    return found
