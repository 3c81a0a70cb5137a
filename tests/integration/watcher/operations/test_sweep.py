"""A sweep over many documents while the engine or the network fails: each document is changed once."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from elasticsearch import Elasticsearch

from contract.errors import EngineUnavailableError
from tests.integration.watcher.conftest import Place, event
from tests.integration.watcher.proxy import DROP, Call, FaultProxy, Reply, only, proxied
from tests.waiting import WAIT_S
from watcher.operations import selection
from watcher.operations.rescore import give_back
from watcher.operations.sweep import Limits, Swept, sweep

LIMITS = Limits(page_size=8, backoff_s=0.01, max_backoff_s=0.02)
COUNT = 20


@pytest.fixture(params=["embedded", pytest.param("opensearch", marks=pytest.mark.opensearch)])
def engine_url(request: pytest.FixtureRequest) -> str:
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def behind(engine_url: str) -> Iterator[tuple[FaultProxy, Elasticsearch]]:
    """The engine behind a proxy that can inject faults."""
    with proxied(engine_url) as proxy, Elasticsearch(proxy.url, max_retries=0, request_timeout=WAIT_S) as es:
        yield proxy, es


@pytest.fixture
def enriched(place: Place) -> Place:
    """Documents that have a prediction, as a sweep sees it."""
    place.put({str(number): event(number, oversight={"status": "enriched"}) for number in range(COUNT)})
    return place


def run(place: Place, es: Elasticsearch) -> Swept:
    return sweep(es, place.index, selection.enriched(), give_back, limits=LIMITS, stop=threading.Event())


def test_a_lost_response_causes_no_second_write(enriched: Place, behind: tuple[FaultProxy, Elasticsearch]) -> None:
    """The engine applies the first bulk request and its response is lost: the sweep reads the documents to find out."""
    proxy, es = behind

    def swallow_once(call: Call, forward: Callable[[], Reply]) -> Reply:
        reply = forward()
        return DROP if call.path.startswith("/_bulk") and len(proxy.requests("/_bulk")) == 1 else reply

    proxy.fault = swallow_once
    swept = run(enriched, es)
    assert swept.changed + swept.elsewhere == COUNT
    assert (swept.left, swept.refused.total()) == (0, 0)
    assert enriched.statuses() == ["pending"] * COUNT
    assert enriched.versions() == {2}


def test_an_overloaded_engine_is_retried(enriched: Place, behind: tuple[FaultProxy, Elasticsearch]) -> None:
    proxy, es = behind

    def busy_twice(call: Call, forward: Callable[[], Reply]) -> Reply:
        busy = call.path.startswith("/_bulk") and len(proxy.requests("/_bulk")) <= 2
        return Reply(429, b'{"error": {"type": "circuit_breaking_exception"}}') if busy else forward()

    proxy.fault = busy_twice
    assert run(enriched, es).changed == COUNT
    assert enriched.versions() == {2}


def test_a_lasting_fault_ends_the_sweep_with_an_error_and_the_next_run_finishes_it(
    enriched: Place, behind: tuple[FaultProxy, Elasticsearch]
) -> None:
    proxy, es = behind

    def down_later(call: Call, forward: Callable[[], Reply]) -> Reply:
        return DROP if proxy.requests("/_bulk") and call.path.startswith("/_search") else forward()

    proxy.fault = down_later
    with pytest.raises(EngineUnavailableError):
        run(enriched, es)
    assert enriched.count("pending") == LIMITS.page_size
    proxy.fault = None
    assert run(enriched, es).changed == COUNT - LIMITS.page_size
    assert enriched.versions() == {2}


def test_a_refused_write_is_counted_with_its_reason_and_the_sweep_continues(
    enriched: Place, behind: tuple[FaultProxy, Elasticsearch]
) -> None:
    proxy, es = behind
    refused = {"update": {"status": 400, "error": {"type": "mapper_parsing_exception", "reason": "no\nsuch"}}}

    def refuse_the_first(call: Call, forward: Callable[[], Reply]) -> Reply:
        if not call.path.startswith("/_bulk") or len(proxy.requests("/_bulk")) > 1:
            return forward()
        items = [refused] * (len(call.body.splitlines()) // 2)
        body = json.dumps({"took": 1, "errors": True, "items": items}).encode()
        return Reply(200, body, {"content-type": "application/json", "x-elastic-product": "Elasticsearch"})

    proxy.fault = refuse_the_first
    swept = run(enriched, es)
    assert dict(swept.refused) == {"400 mapper_parsing_exception: no such": LIMITS.page_size}
    assert swept.changed == COUNT - LIMITS.page_size


def test_a_missing_privilege_is_reported_at_once(enriched: Place, behind: tuple[FaultProxy, Elasticsearch]) -> None:
    proxy, es = behind
    proxy.fault = only("/_bulk", Reply(403, b'{"error": {"type": "security_exception"}}'))
    with pytest.raises(EngineUnavailableError, match="privilege"):
        run(enriched, es)
    assert len(proxy.requests("/_bulk")) == 1
    assert enriched.versions() == {1}


def test_the_rate_limit_is_kept(enriched: Place) -> None:
    """At 100 per second, 20 documents take at least a fifth of a second."""
    began_s = time.monotonic()
    swept = sweep(
        enriched.es,
        enriched.index,
        selection.enriched(),
        give_back,
        limits=Limits(page_size=5, rate=100.0),
        stop=threading.Event(),
    )
    assert swept.changed == COUNT
    assert time.monotonic() - began_s >= 0.2
