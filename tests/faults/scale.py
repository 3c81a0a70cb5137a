"""The numbers of the two forms: small in `make test`, large in `make soak`. The tests are the same."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import pytest

SCALE = "FAULT_SCALE"
"""Environment variable: `soak` for the long form."""
MARKS = {"embedded": (), "opensearch": (pytest.mark.opensearch,), "elasticsearch": (pytest.mark.elasticsearch,)}


@dataclass(frozen=True)
class Scale:
    """Numbers of one form."""

    name: str
    watcher_kills: int
    """Kills of a watcher on each engine."""
    worker_kills: int
    service_kills: int
    node_kills: int
    documents: int
    """Documents for each fault of a connection or an answer."""
    damages: int
    """Most faults in such a trial; afterwards the servers work again."""
    others_s: float
    """How long another writer writes."""
    arrivals: int
    """Watchers that start in the test where watchers start and stop."""
    freezes: int
    """Pauses of a watcher."""
    settle_s: float
    """Time limit for the last documents. A document that failed alone is retried after 60 s, then after 120 s."""


SHORT = Scale("short", 5, 3, 1, 1, documents=60, damages=2, others_s=0.5, arrivals=4, freezes=2, settle_s=240.0)
SOAK = Scale("soak", 50, 30, 10, 3, documents=600, damages=25, others_s=15.0, arrivals=30, freezes=20, settle_s=480.0)
FORM = SOAK if os.environ.get(SCALE) == "soak" else SHORT


def on(*short: str) -> list[Any]:
    """Parameters for `engine`: in the short form only the named engines, in the long form all."""
    return [pytest.param(name, marks=MARKS[name]) for name in MARKS if FORM is SOAK or name in short]
