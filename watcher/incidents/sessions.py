"""Join buckets of time to sessions, which are the incidents of one machine and family.

The buckets are as wide as the gap and have the time of their first and last alert. Two alerts of one bucket are closer
than the gap, so only the gaps between buckets have to be compared:

    bucket   |  f..l   |f..l     |         |      f.l|
    gap           └──┬──┘             └──┬──┘
                 <= gap: one session   > gap: two
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from watcher.incidents.ids import format_id
from watcher.incidents.rules import (
    ALERT,
    RISK,
    SEVERITY,
    TIME,
    Level,
    Query,
    Rules,
    has_key,
    has_name,
    within,
)
from watcher.incidents.times import Edges, time_of


@dataclass(frozen=True, slots=True)
class Session:
    """Alerts without a larger gap between two of them."""

    first_ms: int
    last_ms: int
    events: int
    risk: float
    """The highest risk score."""
    severity: float

    def joined(self, later: Session) -> Session:
        """Return both as one."""
        return Session(
            min(self.first_ms, later.first_ms),
            max(self.last_ms, later.last_ms),
            self.events + later.events,
            max(self.risk, later.risk),
            max(self.severity, later.severity),
        )


@dataclass(frozen=True, slots=True)
class Bare:
    """An incident without what its columns show."""

    level: Level
    key: str
    name: str
    session: Session

    def id(self, rules: Rules) -> str:
        """Return its id, with the time of its first alert."""
        return format_id(rules.dataset, self.level.field, self.key, self.name, self.session.first_ms)

    def filters(self, rules: Rules) -> list[Query]:
        """Match exactly its alerts."""
        first, last = self.session.first_ms, self.session.last_ms
        return [*of_machine(rules, self.level, self.key, self.name), within(first, last + 1)]


def of_machine(rules: Rules, level: Level, key: str, name: str) -> list[Query]:
    """Match all alerts of one machine or target and one family, also those of other incidents."""
    return [ALERT, *level.where, *has_key(level.field, key), has_name(rules, name)]


def by_time(gap_ms: int, edges: Edges) -> dict[str, Any]:
    """Return the aggregation whose buckets `chain` joins."""
    return {
        "date_histogram": {"field": TIME, "fixed_interval": f"{gap_ms}ms", "min_doc_count": 1},
        "aggs": {
            **edges,
            "risk": {"max": {"field": RISK}},
            "severity": {"max": {"field": SEVERITY}},
        },
    }


def pieces(buckets: Iterable[Mapping[str, Any]]) -> list[Session]:
    """Return each bucket with alerts as a session."""
    return [
        Session(
            time_of(bucket["first"]),
            time_of(bucket["last"]),
            bucket["doc_count"],
            bucket["risk"]["value"] or 0.0,
            bucket["severity"]["value"] or 0.0,
        )
        for bucket in buckets
        if bucket["doc_count"]
    ]


def chain(parts: Iterable[Session], gap_ms: int) -> list[Session]:
    """Join sessions whose gap is not too large.

    Args:
        parts: sessions in any order.
        gap_ms: the largest gap.
    """
    joined: list[Session] = []
    for part in sorted(parts, key=lambda part: part.first_ms):
        if joined and part.first_ms - joined[-1].last_ms <= gap_ms:
            joined[-1] = joined[-1].joined(part)
        else:
            joined.append(part)
    return joined
