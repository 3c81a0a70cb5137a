"""Counts over a set of connections that grows and shrinks: both windows consist of these.

Four counts share one integer, so that adding a connection, or everything that 30 hosts received, is one addition:

    bits 60 and up    40 to 59      20 to 39      0 to 19
    different keys    REJECT        SYN errors    connections

The windows hold at most 511 connections and a block of hosts 8,160, so no count reaches the bits of the next one.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

ONE, SYN_ERROR, REJECT_ERROR, DIFFERENT = 1, 1 << 20, 1 << 40, 1 << 60
"""What to add for a connection, for its error, and for a key that the set did not have before."""
MASK = (1 << 20) - 1


class _Rates(dict[int, list[float]]):
    def __missing__(self, whole: int) -> list[float]:
        shares = self[whole] = [round(part / whole, 2) for part in range(whole + 1)]
        return shares


RATES = _Rates()
"""`RATES[whole][part]` is a share with KDD's two decimals, rounded as C's `printf("%.2f")` does.

Rounding is slow and a connection has 14 rates, so each is rounded once. They are few: a window has few connections.
"""


@lru_cache(maxsize=65_536)
def rates(counts: int) -> tuple[int, float, float, float]:
    """Number of connections, and the shares of SYN errors, of rejected ones and of different keys."""
    whole = counts & MASK
    shares = RATES[whole]
    return whole, shares[counts >> 20 & MASK], shares[counts >> 40 & MASK], spread(counts >> 60, shares)


def spread(different: int, shares: Sequence[float]) -> float:
    """KDD's `diff` rates: number of different keys for each connection; 0 if there is only the current one's key."""
    return shares[different] if different > 1 else 0.0


def subtract(counts_of: dict[str, int], key: str, counts: int) -> None:
    """Take counts from a key's, and delete the key when nothing is left, so that memory does not grow."""
    left = counts_of[key] - counts
    if left:
        counts_of[key] = left
    else:
        del counts_of[key]
