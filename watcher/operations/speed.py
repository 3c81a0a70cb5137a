"""Measures how fast predictions are written: documents per second, and the time from arrival to prediction.

    newest predictions ──▶ count by time ──▶ rate
                      └──▶ a sample of them ──▶ lag: median, 95 %, worst

The lag comes from a sample of hits, not from an aggregation: the embedded engine has no percentiles, and no engine
computes percentiles of the difference of two fields without a script.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from elasticsearch import Elasticsearch

from contract.documents.paths import lookup
from contract.errors import AmbiguousFieldError
from watcher.elastic_faults import engine_faults
from watcher.read.poll import ARRIVAL
from watcher.write.actions import AT, RESCORED, iso_millis

MINUTE_S = 60
WINDOW_MIN = 5
"""Minutes that the rate and the lag cover."""
SAMPLE = 1_000
"""Number of the newest predictions that the lag covers."""


@dataclass(frozen=True, slots=True)
class Lag:
    """Seconds from arrival to prediction, over the newest predictions."""

    documents: int
    p50_s: float
    p95_s: float
    max_s: float


@dataclass(frozen=True, slots=True)
class Speed:
    """The last minutes."""

    rate_1m: float
    """Documents predicted per second, over the last minute."""
    rate_5m: float
    """The same over the last five."""
    lag: Lag | None
    """None if nothing was predicted in that time, or arrivals are unknown."""


def read_speed(es: Elasticsearch, index: str, *, now: datetime | None = None) -> Speed:
    """Return rate and lag of the last minutes. A document that was predicted twice counts once, with its newest time.

    Raises:
        EngineUnavailableError: Elasticsearch does not answer.
    """
    now = now or datetime.now(UTC)
    with engine_faults("reading the newest predictions", index=index):
        last_minute = int(es.count(index=index, query=_since(now, 1), ignore_unavailable=True)["count"])
        newest = es.search(
            index=index,
            size=SAMPLE,
            query=_since(now, WINDOW_MIN),
            source={"includes": [AT, RESCORED, ARRIVAL]},
            sort=[{AT: {"order": "desc", "unmapped_type": "date"}}],
            track_total_hits=True,
            ignore_unavailable=True,
        )["hits"]
    return Speed(
        rate_1m=round(last_minute / MINUTE_S, 3),
        rate_5m=round(int(newest["total"]["value"]) / (WINDOW_MIN * MINUTE_S), 3),
        lag=lag_of([hit.get("_source") or {} for hit in newest["hits"]]),
    )


def lag_of(sources: Sequence[Mapping[str, Any]]) -> Lag | None:
    """Return the lag of the documents with both times. Rescored documents do not count."""
    lags_s = sorted(lag_s for source in sources if (lag_s := _lag_s(source)) is not None)
    if not lags_s:
        return None
    p50_s, p95_s = (lags_s[math.ceil(share * len(lags_s)) - 1] for share in (0.5, 0.95))
    return Lag(len(lags_s), round(p50_s, 3), round(p95_s, 3), round(lags_s[-1], 3))


def _since(now: datetime, minutes: int) -> dict[str, Any]:
    return {"range": {AT: {"gt": iso_millis(now - timedelta(minutes=minutes)), "lte": iso_millis(now)}}}


def _lag_s(source: Mapping[str, Any]) -> float | None:
    try:
        if lookup(source, RESCORED):
            return None
        at, arrival = (datetime.fromisoformat(str(lookup(source, path))) for path in (AT, ARRIVAL))
        return max(0.0, (at - arrival).total_seconds())
    except (ValueError, TypeError, AmbiguousFieldError):
        return None
