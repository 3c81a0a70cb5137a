"""Counts over a set of connections that grows and shrinks: both windows consist of these."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Observed:
    """What a window keeps of a connection."""

    at_s: float
    host: str
    service: str
    source_port: int
    syn_error: bool
    reject_error: bool


@dataclass(slots=True)
class Tally:
    """Number of connections, of failed ones, and of different keys."""

    total: int = 0
    syn_errors: int = 0
    reject_errors: int = 0
    keys: Counter[str] = field(default_factory=Counter)
    """Connections by the other key: by service in a host's tally, by host in a service's tally."""

    def add(self, seen: Observed, key: str) -> None:
        """Add one connection."""
        self.total += 1
        self.syn_errors += seen.syn_error
        self.reject_errors += seen.reject_error
        self.keys[key] += 1

    def remove(self, seen: Observed, key: str) -> None:
        """Remove one connection."""
        self.total -= 1
        self.syn_errors -= seen.syn_error
        self.reject_errors -= seen.reject_error
        discount(self.keys, key)

    def merge(self, other: Tally) -> None:
        """Add everything of another tally."""
        self.total += other.total
        self.syn_errors += other.syn_errors
        self.reject_errors += other.reject_errors
        self.keys.update(other.keys)


def discount(counter: Counter[str], key: str) -> None:
    """Take one from a count and delete the key at zero, so that `len` is the number of different keys."""
    counter[key] -= 1
    if not counter[key]:
        del counter[key]


def rate(part: int, whole: int) -> float:
    """A share with KDD's two decimals, rounded as C's `printf("%.2f")` does."""
    return round(part / whole, 2)


def spread(tally: Tally) -> float:
    """KDD's `diff` rates: number of different keys for each connection; 0 if there is only the current one's key."""
    different = len(tally.keys)
    return rate(different, tally.total) if different > 1 else 0.0
