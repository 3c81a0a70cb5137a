"""The profile of a feature: how its values were distributed in training, so that drift of live traffic is visible.

    edges   e0 < e1 < ... < ek          shares, one more than edges, sum 1
    bins    (-inf, e0]  (e0, e1]  ...  (ek, inf)

A string feature needs no separate profile: its `usual_shares` are the shares of its words.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

MAX_EDGES = 64
"""Largest number of edges. Bins cost time at every page; a profile of quantiles has about ten."""


def profile_problems(edges: Sequence[float], shares: Sequence[float], *, tolerance: float) -> list[str]:
    """The problems of a float feature's profile, one sentence each; empty if there is no profile.

    Args:
        edges: inner edges of the bins.
        shares: shares of the bins.
        tolerance: how far the sum of the shares may be from 1, because they are rounded.
    """
    if not edges and not shares:
        return []
    problems = []
    if any(low >= high for low, high in pairwise(edges)):
        problems.append("`profile_edges` are not ascending; write each edge once, the smallest first")
    if not 1 <= len(edges) <= MAX_EDGES or len(shares) != len(edges) + 1:
        problems.append(
            f"the profile has {len(edges)} edges and {len(shares)} shares, "
            f"expected 1 to {MAX_EDGES} edges and one share more"
        )
    if any(not 0.0 <= share <= 1.0 for share in shares) or abs(sum(shares) - 1.0) > tolerance:
        problems.append("`profile_shares` do not sum to 1; write the share of the rows in each bin")
    return problems
