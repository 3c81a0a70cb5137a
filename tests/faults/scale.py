"""How much of everything: little in `make test`, much in `make soak`; the tests are the same."""

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
    """On each engine."""
    worker_kills: int
    service_kills: int
    node_kills: int
    documents: int
    """In one go: a fault on a wire or in an answer."""
    damages: int
    """Most faults in one go, after which the servers are well again."""
    others_s: float
    """How long another writer writes."""
    arrivals: int
    """Watchers that come, where watchers come and go."""
    freezes: int
    """Pauses of a watcher."""
    settle_s: float
    """How long the last documents may take; one on which the service failed alone comes back after 60 s, then 120 s."""


SHORT = Scale("short", 5, 3, 1, 1, documents=60, damages=2, others_s=0.5, arrivals=4, freezes=2, settle_s=240.0)
SOAK = Scale("soak", 50, 30, 10, 3, documents=600, damages=25, others_s=15.0, arrivals=30, freezes=20, settle_s=480.0)
NOW = SOAK if os.environ.get(SCALE) == "soak" else SHORT


def on(*short: str) -> list[Any]:
    """Parameters for `engine`: in the short form the engines that are named, in the long form all."""
    return [pytest.param(name, marks=MARKS[name]) for name in MARKS if NOW is SOAK or name in short]
