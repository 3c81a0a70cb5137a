"""Pending documents get their prediction once, in place, and nothing else in them changes."""

from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.integration.watcher.conftest import Place, event, events, on_two

LABELS = ("healthy", "overheating", "bearing_wear")


def without_verdict(source: dict[str, Any]) -> dict[str, Any]:
    """A document without the fields that a watcher may write."""
    rest = copy.deepcopy(source)
    for path in ("rule", "threat", "oversight"):
        rest.pop(path, None)
    for name in ("kind", "category", "type", "severity", "risk_score"):
        rest.get("event", {}).pop(name, None)
    return rest


def test_every_pending_document_is_enriched_exactly_once(place: Place, service: str) -> None:
    """The version of a document goes up by one: one prediction, one write."""
    written = events(120)
    place.put(written)
    totals = place.watch(service)
    assert (totals.enriched, totals.failed, totals.trouble) == (120, 0, None)
    assert place.statuses() == ["enriched"] * 120
    assert place.versions() == {2}
    for number, source in ((number, place.sources()[f"doc-{number}"]) for number in range(3)):
        assert source["oversight"]["prediction"]["label"] == LABELS[number]
        assert source["oversight"]["model"]["id"] == "turbine"
        assert source["event"]["kind"] == ("event" if number == 0 else "alert")


@on_two
def test_raw_fields_stay_as_they_were(place: Place, service: str) -> None:
    written = events(30)
    place.put(written)
    place.watch(service)
    for doc_id, source in place.sources().items():
        assert without_verdict(source) == without_verdict(written[doc_id])


@on_two
def test_the_time_of_the_verdict_is_now(place: Place, service: str) -> None:
    """Alert rules use it as their time field, so it is the time of the write and not the time of the event."""
    place.put(events(1))
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    place.watch(service)
    at = place.sources()["doc-0"]["oversight"]["prediction"]["at"]
    assert at.endswith("Z")
    assert before <= datetime.fromisoformat(at) <= datetime.now(UTC)


@on_two
def test_only_the_document_that_the_service_refuses_fails(place: Place, service: str) -> None:
    broken = event(1, turbine={"temperature_c": "hot", "vibration_mm_s": 1.0, "state": {"mode": "steady"}})
    missing = event(2, turbine={"vibration_mm_s": 1.0, "state": {"mode": "steady"}})
    place.put({**events(20), "broken": broken, "missing": missing})
    totals = place.watch(service)
    assert (totals.enriched, totals.failed) == (20, 2)
    sources = place.sources()
    assert sources["missing"]["error"]["type"] == "missing_feature"
    assert sources["missing"]["oversight"]["failure"]["field"] == "turbine.temperature_c"
    assert sources["broken"]["error"]["type"] == "not_a_number"
    assert sources["broken"]["oversight"]["status"] == "failed"
    assert "prediction" not in sources["broken"]["oversight"]
    assert place.versions() == {2}


def test_late_backdated_and_undated_documents_are_found(place: Place, service: str) -> None:
    """The query selects by status only, so no timestamp can hide a document."""
    place.put(events(60))
    place.watch(service, page_size=7)
    old = event(0, event={"ingested": "1999-01-01T00:00:00Z"})
    undated = {key: value for key, value in event(1).items() if key not in ("event", "@timestamp")}
    future = event(2, event={"ingested": "2199-01-01T00:00:00Z"})
    place.put({"old": old, "undated": undated, "undated-2": undated, "future": future})
    totals = place.watch(service, page_size=1)
    assert totals.enriched == 4
    assert place.count("pending") == 0


def test_the_oldest_arrivals_come_first(place: Place, service: str) -> None:
    place.put(events(9))
    place.watch(service, page_size=3)
    times = {doc_id: source["oversight"]["prediction"]["at"] for doc_id, source in place.sources().items()}
    assert [times[f"doc-{number}"] for number in range(9)] == sorted(times.values())


def test_in_an_index_that_is_not_ours_nothing_outside_oversight_is_written(foreign: Place, service: str) -> None:
    """`event`, `rule` and `error` of another system keep their values."""
    theirs = {"rule": {"name": "their rule"}, "error": {"message": "their error"}}
    written = {**{f"doc-{n}": event(n, **theirs) for n in range(3)}, "bad": event(1, turbine={}, **theirs)}
    foreign.put(written)
    totals = foreign.watch(service)
    assert (totals.enriched, totals.failed) == (3, 1)
    sources = foreign.sources()
    for doc_id, source in sources.items():
        assert {k: v for k, v in source.items() if k != "oversight"} == {
            k: v for k, v in written[doc_id].items() if k != "oversight"
        }
    assert sources["doc-1"]["oversight"]["alert"]["rule"]["name"] == "overheating"
    assert sources["doc-1"]["oversight"]["alert"]["event"]["kind"] == "alert"
    assert sources["bad"]["oversight"]["failure"]["type"] == "missing_feature"


def test_a_document_with_routing_is_written_where_it_is(
    place: Place, service: str, caplog: pytest.LogCaptureFixture
) -> None:
    """With several shards the routing selects the shard; the id alone would select another.

    The embedded engine does not return the routing and answers 404; such a document is quarantined, with one message.
    """
    place.es.indices.delete(index=place.index)
    place.create(shards=5)
    for number in range(10):
        place.es.index(index=place.index, id=f"doc-{number}", routing="somewhere", document=event(number))
    place.es.indices.refresh(index=place.index)
    found = place.es.search(index=place.index, size=1)["hits"]["hits"][0]
    totals = place.watch(service)
    assert bool(totals.trouble) == bool(totals.quarantined)
    assert place.count("enriched") == totals.enriched
    assert totals.enriched + totals.quarantined == 10
    assert place.versions() <= {1, 2}
    if "_routing" in found:
        assert totals.enriched == 10
    else:
        assert [record.levelname for record in caplog.records if "cannot update" in record.message] == ["ERROR"]


@on_two
def test_dotted_features_are_read_like_nested_ones(foreign: Place, service: str) -> None:
    dotted = {
        "oversight": {"status": "pending"},
        "turbine.temperature_c": 125,
        "turbine": {"vibration_mm_s": 1.5, "state.mode": "steady"},
    }
    foreign.put({"dotted": dotted})
    foreign.watch(service)
    assert foreign.sources()["dotted"]["oversight"]["prediction"]["label"] == "overheating"


def test_a_rescored_document_is_as_if_predicted_once(place: Place, service: str) -> None:
    """Fields that only the earlier verdict set become null; the analyst's fields stay."""
    place.put({"doc": event(1)})
    place.watch(service)
    first = place.sources()["doc"]
    assert first["threat"]["technique"]["id"] == "T1495"
    assert first["oversight"]["prediction"]["reasons"]
    healthy = {
        "oversight": {"status": "pending", "feedback": {"verdict": "false_positive"}},
        "turbine": {"temperature_c": 60},
    }
    place.es.update(index=place.index, id="doc", doc=healthy, refresh=True)
    place.watch(service)
    source = place.sources()["doc"]
    assert source["oversight"]["prediction"]["label"] == "healthy"
    assert source["oversight"]["prediction"]["rescored"] is True
    assert source["oversight"]["prediction"]["reasons"] is None
    assert source["rule"] == {"name": None, "category": None, "ruleset": None}
    assert source["threat"]["technique"]["id"] is None
    assert source["event"]["kind"] == "event"
    assert source["oversight"]["feedback"]["verdict"] == "false_positive"


@on_two
def test_rescoring_with_the_same_verdict_keeps_its_time(place: Place, service: str) -> None:
    """Rules select by the time of the verdict, so a rescore does not raise old alerts again."""
    place.put({"doc": event(1)})
    place.watch(service)
    first = place.sources()["doc"]["oversight"]["prediction"]
    place.es.update(index=place.index, id="doc", doc={"oversight": {"status": "pending"}}, refresh=True)
    place.watch(service)
    second = place.sources()["doc"]["oversight"]["prediction"]
    assert second["at"] == first["at"]
    assert "rescored" not in second


@on_two
def test_a_fixed_document_loses_its_failure_note(place: Place, service: str) -> None:
    place.put({"doc": event(1, turbine={"temperature_c": 125, "vibration_mm_s": 1.5})})
    place.watch(service)
    assert place.sources()["doc"]["error"]["type"] == "missing_feature"
    fixed = {"oversight": {"status": "pending"}, "turbine": {"state": {"mode": "steady"}}}
    place.es.update(index=place.index, id="doc", doc=fixed, refresh=True)
    place.watch(service)
    source = place.sources()["doc"]
    assert source["oversight"]["status"] == "enriched"
    assert source["error"] == {"type": None, "message": None}
    assert source["oversight"]["failure"] == {"field": None}
