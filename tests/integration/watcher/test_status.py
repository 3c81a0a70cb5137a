"""The counts of `oversight status`, on every engine: aggregations differ between them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.integration.watcher.conftest import Place, event, events
from watcher.engine import IndexMissingError
from watcher.status import Failure, read_status

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_pending_documents_are_counted_with_the_age_of_the_oldest(place: Place) -> None:
    """The events of these tests arrive from midnight on."""
    place.put({**events(30), "no-status": {"event": {"original": "x"}}})
    status = read_status(place.es, place.index, now=NOON)
    assert (status.pending, status.enriched, status.failed, status.other) == (30, 0, 0, 1)
    assert status.oldest_pending_age_s == 12 * 3600.0
    assert not status.failures
    assert not status.predictions


def test_predictions_and_failures_are_counted_by_kind(place: Place, service: str) -> None:
    bad = {f"bad-{number}": event(number, turbine={}) for number in (3, 9)}
    place.put({**events(31), **bad, "worse": event(5, turbine={"temperature_c": "x", "vibration_mm_s": 1})})
    place.watch(service)
    place.all()
    status = read_status(place.es, place.index)
    assert (status.pending, status.enriched, status.failed, status.other) == (0, 31, 3, 0)
    assert status.oldest_pending_age_s is None
    assert status.predictions == {"healthy": 11, "overheating": 10, "bearing_wear": 10}
    assert status.failures == (
        Failure("missing_feature", 2, "2026-01-01T00:00:09.000Z"),
        Failure("invalid_feature", 1, "2026-01-01T00:00:05.000Z"),
    )


def test_failures_in_an_index_that_is_not_ours_are_counted_too(foreign: Place, service: str) -> None:
    foreign.es.indices.put_mapping(
        index=foreign.index,
        properties={"oversight": {"properties": {"failure": {"properties": {"type": {"type": "keyword"}}}}}},
    )
    foreign.put({"bad": event(4, turbine={})})
    foreign.watch(service)
    foreign.all()
    status = read_status(foreign.es, foreign.index)
    assert status.failures == (Failure("missing_feature", 1, "2026-01-01T00:00:04.000Z"),)


def test_documents_without_arrival_have_no_age(place: Place) -> None:
    place.put({"undated": {"oversight": {"status": "pending"}}})
    assert read_status(place.es, place.index).oldest_pending_age_s is None


def test_an_index_that_is_not_there_is_said_to_be_missing(place: Place) -> None:
    with pytest.raises(IndexMissingError, match="oversight provision"):
        read_status(place.es, f"{place.index}.nowhere")
