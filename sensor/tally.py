"""Counts over a set of connections that grows and shrinks: the unit both windows are made of."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Seen:
    """What a window keeps of a connection."""

    at_s: float
    host: str
    service: str
    source_port: int
    syn_error: bool
    reject_error: bool


@dataclass(slots=True)
class Tally:
    """How many connections, how many of them failed, and over how many different keys they spread."""

    total: int = 0
    syn_errors: int = 0
    reject_errors: int = 0
    keys: Counter[str] = field(default_factory=Counter)
    """Connections by the other key: by service in the tally of a host, by host in that of a service."""

    def add(self, seen: Seen, key: str) -> None:
        """Count one connection in."""
        self.total += 1
        self.syn_errors += seen.syn_error
        self.reject_errors += seen.reject_error
        self.keys[key] += 1

    def remove(self, seen: Seen, key: str) -> None:
        """Count one connection out again."""
        self.total -= 1
        self.syn_errors -= seen.syn_error
        self.reject_errors -= seen.reject_error
        discount(self.keys, key)

    def merge(self, other: Tally) -> None:
        """Count in all that another tally holds."""
        self.total += other.total
        self.syn_errors += other.syn_errors
        self.reject_errors += other.reject_errors
        self.keys.update(other.keys)


def discount(counter: Counter[str], key: str) -> None:
    """Take one from a count and drop the key at zero, so that `len` is the number of different keys."""
    counter[key] -= 1
    if not counter[key]:
        del counter[key]


def rate(part: int, whole: int) -> float:
    """A share with KDD's two decimals, rounded as C's `printf("%.2f")` does."""
    return round(part / whole, 2)


def spread(tally: Tally) -> float:
    """KDD's `diff` rates: different keys a connection, the current one's own included; 0 where there is only that."""
    different = len(tally.keys)
    return rate(different, tally.total) if different > 1 else 0.0
