"""The counts of `oversight status` on every engine, because their aggregations differ."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from contract.documents.heartbeats import heartbeat_index
from contract.errors import EngineUnavailableError
from oversight.commands.status import as_text
from tests.integration.watcher.conftest import Place, event, events
from tests.integration.watcher.proxy import Reply, only, proxied
from watcher.elastic_faults import IndexMissingError
from watcher.monitor.heartbeat import HeartbeatWriter
from watcher.operations.failures import Failure
from watcher.operations.speed import Lag
from watcher.operations.status import read_status

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
        Failure("missing_feature", 2, "2026-01-01T00:00:09.000Z", fields={"turbine.temperature_c": 2}),
        Failure("not_a_number", 1, "2026-01-01T00:00:05.000Z", fields={"turbine.temperature_c": 1}),
    )


def test_a_header_in_another_order_names_its_file(place: Place) -> None:
    """Rows below such a header cannot be recognized as wrong, so the file is named, once however often it
    was shipped.
    """
    header = {"oversight": {"status": "failed"}, "error": {"type": "column_order"}}
    place.put(
        {
            "a1": {**event(1), **header, "log": {"file": {"path": "/s/a.csv"}}, "user": {"id": "ann"}},
            "a2": {**event(2), **header, "log": {"file": {"path": "/s/a.csv"}}, "user": {"id": "ann"}},
            "b": {**event(3), **header, "observer": {"name": "s2"}},
            "c": {**event(4), "oversight": {"status": "failed"}, "error": {"type": "column_count"}},
        }
    )
    status = read_status(place.es, place.index)
    assert [(one.path, one.user, one.observer, one.headers) for one in status.misread] == [
        (None, None, "s2", 1),
        ("/s/a.csv", "ann", None, 2),
    ]
    text = as_text(status)
    assert "/s/a.csv (user ann)  header of 2026-01-01T00:00:02.000Z" in text
    assert "a file without log.file.path (observer s2)" in text
    assert "csv.columns" in text


def test_failures_in_an_index_that_is_not_ours_are_counted_too(foreign: Place, service: str) -> None:
    foreign.es.indices.put_mapping(
        index=foreign.index,
        properties={"oversight": {"properties": {"failure": {"properties": {"type": {"type": "keyword"}}}}}},
    )
    foreign.put({"bad": event(4, turbine={})})
    foreign.watch(service)
    foreign.all()
    status = read_status(foreign.es, foreign.index)
    assert status.failures == (
        Failure("missing_feature", 1, "2026-01-01T00:00:04.000Z", fields={"turbine.temperature_c": 1}),
    )


def test_documents_without_arrival_have_no_age(place: Place) -> None:
    place.put({"undated": {"oversight": {"status": "pending"}}})
    assert read_status(place.es, place.index).oldest_pending_age_s is None


def test_an_index_that_is_not_there_is_reported_as_missing(place: Place) -> None:
    with pytest.raises(IndexMissingError, match="oversight provision"):
        read_status(place.es, f"{place.index}.nowhere")


def test_a_pattern_that_matches_no_index_is_reported_as_missing(place: Place, namespace: str) -> None:
    """Engines do not report it as an error, so the command looks at the number of shards."""
    with pytest.raises(IndexMissingError, match="oversight provision") as caught:
        read_status(place.es, f"nothing-{namespace}*")
    assert "\n" not in str(caught.value)


def test_an_index_that_maps_only_the_status_is_counted(place: Place) -> None:
    """Without arrival, label and error type, the counts by status are still complete."""
    place.es.indices.delete(index=place.index)
    place.es.indices.create(
        index=place.index,
        mappings={"dynamic": False, "properties": {"oversight": {"properties": {"status": {"type": "keyword"}}}}},
    )
    place.put({**events(3), "bad": {"oversight": {"status": "failed"}, "error": {"type": "missing_feature"}}})
    status = read_status(place.es, place.index)
    assert (status.pending, status.enriched, status.failed, status.other) == (3, 0, 1, 0)
    assert status.oldest_pending_age_s is None


def test_failures_are_counted_where_their_arrival_is_not_mapped(place: Place) -> None:
    place.es.indices.delete(index=place.index)
    keyword = {"type": "keyword"}
    fields = {"oversight": {"properties": {"status": keyword}}, "error": {"properties": {"type": keyword}}}
    place.es.indices.create(index=place.index, mappings={"dynamic": False, "properties": fields})
    place.put({"bad": {"oversight": {"status": "failed"}, "error": {"type": "missing_feature"}}})
    (failure,) = read_status(place.es, place.index).failures
    assert (failure.type, failure.count) == ("missing_feature", 1)


def test_a_refusal_of_the_engine_is_reported_with_its_reason(place: Place, engine_url: str) -> None:
    """The first line of such a response only says that all shards failed."""
    cause = {"type": "query_shard_exception", "reason": "No mapping found for [x]\nin order to sort on"}
    body = {"error": {"root_cause": [cause], "type": "search_phase_execution_exception", "reason": "all shards failed"}}
    with proxied(engine_url) as engine, Elasticsearch(engine.url, max_retries=0) as es:
        refusal = Reply(400, json.dumps(body).encode(), {"content-type": "application/json"})
        engine.fault = only(f"/{place.index}/_search", refusal)
        with pytest.raises(EngineUnavailableError, match=r"No mapping found for \[x\] in order to sort on"):
            read_status(es, place.index)


def test_rate_and_lag_come_from_the_newest_predictions(place: Place) -> None:
    """Older predictions do not count, and neither do rescored ones."""
    sources = {}
    for number in range(20):
        at = NOON - timedelta(seconds=10 * number)  # 6 in the last minute
        sources[f"new-{number}"] = _predicted(at, lag_s=number + 1)
    sources["old"] = _predicted(NOON - timedelta(minutes=6), lag_s=1000)
    sources["rescored"] = _predicted(NOON - timedelta(seconds=5), lag_s=5000, rescored=True)
    sources["undated"] = {"oversight": {"status": "enriched", "prediction": {"at": "2026-01-01T11:59:58.000Z"}}}
    place.put(sources)
    speed = read_status(place.es, place.index, now=NOON).speed
    assert (speed.rate_1m, speed.rate_5m) == (round(8 / 60, 3), round(22 / 300, 3))
    assert speed.lag == Lag(20, 10.0, 19.0, 20.0)


def test_without_predictions_there_is_no_lag(place: Place) -> None:
    place.put(events(3))
    speed = read_status(place.es, place.index).speed
    assert (speed.rate_1m, speed.rate_5m, speed.lag) == (0.0, 0.0, None)


def test_running_watchers_are_listed(place: Place, namespace: str) -> None:
    """An empty list means that no watcher has run; without an installation the command does not search for watchers."""
    assert read_status(place.es, place.index, namespace=namespace).watchers == ()
    assert read_status(place.es, place.index).watchers is None
    now = datetime.now(UTC)
    for name, state in (("busy", "working"), ("ended", "stopped")):
        watcher = {
            "id": name,
            "interval_s": 10.0,
            "state": state,
            "breaker": "closed",
            "rate_per_s": 12.5,
            "index": place.index,
        }
        document = {"@timestamp": now.isoformat(), "host": {"name": "here"}, "process": {"pid": 17}, "watcher": watcher}
        HeartbeatWriter(place.es, namespace, name).write(document)
    try:
        place.es.indices.refresh(index=heartbeat_index(namespace))
        status = read_status(place.es, place.index, namespace=namespace, now=now)
        assert status.watchers is not None
        assert [one.id for one in status.watchers] == ["busy"]
        assert "here (17)  working  12.5/s" in as_text(status)
    finally:
        place.es.indices.delete(index=heartbeat_index(namespace), ignore_unavailable=True)


def _predicted(at: datetime, *, lag_s: float, rescored: bool = False) -> dict[str, Any]:
    stamp = {"at": at.isoformat(), **({"rescored": True} if rescored else {})}
    arrival = (at - timedelta(seconds=lag_s)).isoformat()
    return {"event": {"ingested": arrival}, "oversight": {"status": "enriched", "prediction": stamp}}
