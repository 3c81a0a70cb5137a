"""Counts over a set of connections that grows and shrinks: both windows consist of these.

Four counts share one integer, so that adding a connection, or everything that 30 hosts received, is one addition:

    bits 45 to 59    30 to 44      15 to 29          0 to 14
    REJECT           SYN errors    different keys    connections

The windows hold at most 511 connections and a block of hosts 8,160, so no count reaches the bits of the next one.
Python computes fastest with integers below 2**30, so the counts that every connection has are the lowest ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

ONE, DIFFERENT, SYN_ERROR, REJECT_ERROR = 1, 1 << 15, 1 << 30, 1 << 45
"""What to add for a connection, for a key that the set did not have before, and for the connection's error."""
MASK = (1 << 15) - 1


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
    return whole, shares[counts >> 30 & MASK], shares[counts >> 45], spread(counts >> 15 & MASK, shares)


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
