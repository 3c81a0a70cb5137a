"""Predicted documents to judge."""

from __future__ import annotations

import pytest

from tests.integration.watcher.conftest import Place, events


@pytest.fixture
def judged(place: Place, service: str) -> Place:
    """Six predicted documents."""
    place.put(events(6))
    place.watch(service)
    place.all()
    return place
