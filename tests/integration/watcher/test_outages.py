"""A fault of a server costs time, never a document: all stay pending and are enriched when the server is back."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from elasticsearch import Elasticsearch

from tests.integration.watcher.conftest import Place, events, on_two, warnings
from tests.integration.watcher.proxy import DROP, Call, FaultProxy, Reply, proxied
from tests.waiting import wait_until


@on_two
def test_documents_wait_for_a_service_that_comes_later(
    place: Place, proxy: FaultProxy, caplog: pytest.LogCaptureFixture
) -> None:
    """The service is down, then up: every document is predicted, without any action by a person."""
    place.put(events(60))
    proxy.stop()
    with place.watching(proxy.url) as totals:
        wait_until(lambda: warnings(caplog) > 0, "the warning about the service")
        assert place.count("pending") == 60
        proxy.start()
        wait_until(lambda: place.count("enriched") == 60, "the predictions")
    assert totals.enriched == 60
    assert place.versions() == {2}


@on_two
def test_documents_wait_for_an_engine_that_is_away(
    place: Place, service: str, engine_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Elasticsearch is unreachable for a while, in the middle of a run."""
    place.put(events(200))
    with proxied(engine_url) as engine, Elasticsearch(engine.url, max_retries=0) as es:
        bulks: list[Call] = []

        def leave_at_the_second_batch(call: Call, forward: Callable[[], Reply]) -> Reply:
            bulks.extend([call] if call.path.startswith("/_bulk") else [])
            return DROP if len(bulks) == 2 else forward()

        engine.fault = leave_at_the_second_batch
        with place.watching(service, es=es):
            wait_until(lambda: len(bulks) == 2, "the second batch")
            engine.stop()
            engine.fault = None
            wait_until(lambda: warnings(caplog) > 0, "the warning about the engine")  # one warning per outage
            assert place.count("enriched") == 50
            engine.start()
            wait_until(lambda: place.count("enriched") == 200, "the predictions")
    assert place.versions() == {2}


@on_two
def test_a_write_whose_response_is_lost_is_not_sent_twice(place: Place, service: str, engine_url: str) -> None:
    """The engine writes a batch, and the connection breaks before the response arrives."""
    place.put(events(60))
    with proxied(engine_url) as engine, Elasticsearch(engine.url, max_retries=0) as es:
        lost: list[Call] = []

        def lose_one_answer(call: Call, forward: Callable[[], Reply]) -> Reply:
            reply = forward()
            if call.path.startswith("/_bulk") and not lost:
                lost.append(call)
                return DROP
            return reply

        engine.fault = lose_one_answer
        totals = place.watch(service, es=es)
    assert lost
    assert totals.trouble is None
    assert place.statuses() == ["enriched"] * 60
    assert place.versions() == {2}


@on_two
def test_a_watcher_starts_before_both_servers(
    place: Place, service: str, engine_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    place.put(events(5))
    with proxied(engine_url) as engine, proxied(service) as endpoint:
        engine.stop()
        endpoint.stop()
        with Elasticsearch(engine.url, max_retries=0) as es, place.watching(endpoint.url, es=es):
            wait_until(lambda: warnings(caplog) > 0, "the warnings about the servers")
            endpoint.start()
            engine.start()
            wait_until(lambda: place.count("enriched") == 5, "the predictions")


@on_two
def test_a_watcher_waits_for_an_index_that_is_not_provisioned_yet(
    place: Place, service: str, caplog: pytest.LogCaptureFixture
) -> None:
    place.es.indices.delete(index=place.index)
    totals = place.watch(service)
    assert totals.trouble is not None
    assert "run `oversight provision`" in totals.trouble
    before = warnings(caplog)
    with place.watching(service):
        wait_until(lambda: warnings(caplog) > before, "the warning about the index")
        place.create()
        place.put(events(5))
        wait_until(lambda: place.count("enriched") == 5, "the predictions")


def test_a_watcher_waits_for_an_index_that_matches_its_pattern(
    place: Place, service: str, namespace: str, caplog: pytest.LogCaptureFixture
) -> None:
    """No index matches yet, which engines do not report as an error: one warning says so, and later documents are
    enriched.
    """
    pattern, later = f"later-{namespace}-*", Place(place.es, f"later-{namespace}-1")
    waiting = Place(place.es, pattern)
    totals = waiting.watch(service)
    assert totals.trouble is not None
    assert "run `oversight provision`" in totals.trouble
    caplog.clear()
    try:
        with waiting.watching(service):
            wait_until(lambda: warnings(caplog) > 0, "the warning about the pattern")
            later.create()
            later.put(events(5))
            wait_until(lambda: later.count("enriched") == 5, "the predictions")
    finally:
        place.es.indices.delete(index=later.index, ignore_unavailable=True)
    ours = [record for record in caplog.records if record.name.startswith("watcher") and record.levelname == "WARNING"]
    assert len([record for record in ours if pattern in record.message]) == 1  # a new index may answer 503 for a moment


@on_two
def test_a_recreated_index_is_not_taken_for_the_old_one(place: Place, service: str) -> None:
    """Its sequence numbers start from 0 again, and its documents are still enriched."""
    place.put(events(5))
    with place.watching(service):
        wait_until(lambda: place.count("enriched") == 5, "the first predictions")
        place.es.indices.delete(index=place.index)
        place.create()
        place.put({f"new-{name}": source for name, source in events(5).items()})
        wait_until(lambda: place.count("enriched") == 5, "the second predictions")


def test_a_lost_point_in_time_is_opened_again(place: Place, service: str, engine_url: str) -> None:
    """The engine loses it between two pages, as after an expiry or the loss of a node."""
    place.put(events(120))
    with proxied(engine_url) as engine, Elasticsearch(engine.url) as es:
        searches: list[Call] = []

        def forget(call: Call, forward: Callable[[], Reply]) -> Reply:
            if call.path.startswith("/_search"):
                searches.append(call)
                if len(searches) == 2:
                    place.es.close_point_in_time(id=json.loads(call.body)["pit"]["id"])
            return forward()

        engine.fault = forget
        totals = place.watch(service, es=es)
    assert len([call for call in engine.calls if "/_pit" in call.path and call.method == "POST"]) >= 2
    assert totals.enriched == 120
    assert place.versions() == {2}
