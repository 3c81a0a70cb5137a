"""Elasticsearch responds, but refuses, is overloaded, or is behind a gateway with limits."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator

import pytest
from elasticsearch import Elasticsearch

from tests.integration.watcher.conftest import Place, events, on_two
from tests.integration.watcher.proxy import Call, FaultProxy, Reply, only, proxied

pytestmark = on_two


@pytest.fixture
def behind(engine_url: str) -> Iterator[tuple[FaultProxy, Elasticsearch]]:
    """The engine behind a proxy, and a client that connects through it."""
    with proxied(engine_url) as engine, Elasticsearch(engine.url, max_retries=0) as es:
        yield engine, es


def test_a_point_in_time_that_is_always_lost_ends_a_run_with_an_end(
    place: Place, service: str, behind: tuple[FaultProxy, Elasticsearch]
) -> None:
    """The watcher does not retry the read for ever."""
    place.put(events(5))
    engine, es = behind
    lost = b'{"error": {"root_cause": [{"type": "search_context_missing_exception"}], "type": "x"}, "status": 404}'
    engine.fault = only("/_search", Reply(404, lost, {"content-type": "application/json"}))
    totals = place.watch(service, es=es)
    assert totals.trouble is not None
    assert place.count("pending") == 5


@pytest.mark.parametrize("status", [401, 403])
def test_refused_credentials_lose_nothing_and_are_an_error_in_the_log(
    place: Place, service: str, behind: tuple[FaultProxy, Elasticsearch], caplog: pytest.LogCaptureFixture, status: int
) -> None:
    place.put(events(5))
    engine, es = behind
    engine.fault = only("/_search", Reply(status, b'{"error": {"type": "security_exception"}}'))
    totals = place.watch(service, es=es)
    assert totals.trouble is not None
    assert ("credentials" if status == 401 else "lacks the privilege") in totals.trouble
    ours = [record for record in caplog.records if record.name.startswith("watcher")]
    assert [record.levelname for record in ours if record.levelno > logging.INFO] == ["ERROR"]
    engine.fault = None
    assert place.watch(service, es=es).enriched == 5


def test_once_ends_without_the_privilege_to_refresh(
    place: Place, service: str, behind: tuple[FaultProxy, Elasticsearch]
) -> None:
    """The search shows the writes a little later; meanwhile no document is written twice."""
    place.put(events(20))
    engine, es = behind
    engine.fault = only(f"/{place.index}/_refresh", Reply(403, b'{"error": {"type": "security_exception"}}'))
    totals = place.watch(service, es=es)
    assert (totals.enriched, sum(totals.outcomes.values()), totals.trouble) == (20, 20, None)
    assert place.versions() == {2}


def test_a_whole_request_that_the_engine_rejects_for_now_is_sent_again(
    place: Place, service: str, behind: tuple[FaultProxy, Elasticsearch]
) -> None:
    place.put(events(20))
    engine, es = behind

    def busy_twice(call: Call, forward: Callable[[], Reply]) -> Reply:
        busy = call.path.startswith("/_bulk") and len(engine.requests("/_bulk")) <= 2
        return Reply(429, b'{"error": {"type": "circuit_breaking_exception"}}') if busy else forward()

    engine.fault = busy_twice
    totals = place.watch(service, es=es)
    assert (totals.enriched, sum(totals.outcomes.values())) == (20, 20)
    assert len(engine.requests("/_bulk")) == 3


def test_an_overloaded_engine_is_retried_after_its_retry_after(
    place: Place, service: str, behind: tuple[FaultProxy, Elasticsearch]
) -> None:
    """Its Retry-After is longer than any wait of the watcher; later requests are smaller."""
    place.put(events(60))
    engine, es = behind
    times: list[float] = []

    def busy_once(call: Call, forward: Callable[[], Reply]) -> Reply:
        if not call.path.startswith("/_bulk"):
            return forward()
        times.append(time.monotonic())
        busy = b'{"error": {"type": "es_rejected_execution_exception"}}'
        return (
            Reply(429, busy, {"retry-after": "1", "content-type": "application/json"}) if len(times) == 1 else forward()
        )

    engine.fault = busy_once
    totals = place.watch(service, es=es, page_size=20)
    assert (totals.enriched, sum(totals.outcomes.values())) == (60, 60)
    assert times[1] - times[0] >= 1.0
    sizes = [call.body.count(b'"update"') for call in engine.requests("/_bulk")]
    assert sizes == [20, 20, 20, 10, 10]  # the second page was already enriched


def test_a_write_that_is_too_large_for_a_gateway_is_split_in_halves(
    place: Place, service: str, behind: tuple[FaultProxy, Elasticsearch]
) -> None:
    """A gateway in front of Elasticsearch often accepts at most 1 MB."""
    place.put(events(40))
    engine, es = behind

    def small_gateway(call: Call, forward: Callable[[], Reply]) -> Reply:
        too_large = call.path.startswith("/_bulk") and len(call.body) > 12_000
        return Reply(413, b"<html>", {"content-type": "text/html"}) if too_large else forward()

    engine.fault = small_gateway
    totals = place.watch(service, es=es)
    assert (totals.enriched, sum(totals.outcomes.values())) == (40, 40)
    assert len(engine.requests("/_bulk")) > 3
    assert place.versions() == {2}
