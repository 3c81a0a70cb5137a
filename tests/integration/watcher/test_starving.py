"""A slow page, or a document on which the service fails, does not delay the others. One engine is enough."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable

import pytest

from tests.integration.watcher.conftest import Place, event, events
from tests.integration.watcher.proxy import DROP, Call, Fault, FaultProxy, Reply
from tests.waiting import wait_until
from watcher.totals import DocumentOutcome


@pytest.fixture
def engine_url(embedded_url: str) -> str:
    """The embedded engine alone."""
    return embedded_url


def ids(call: Call) -> list[str]:
    return [document["id"] for document in json.loads(call.body)["documents"]] if call.body else []


def slow(seconds_per_document: float) -> Fault:
    """A fault that makes the service slow for every document."""

    def fault(call: Call, forward: Callable[[], Reply]) -> Reply:
        time.sleep(seconds_per_document * len(ids(call)))
        return forward()

    return fault


def poisoned(poison: set[str], what: Reply) -> Fault:
    """A fault that makes the service fail on any request with one of these documents."""
    return lambda call, forward: what if poison & set(ids(call)) else forward()


def test_pages_that_time_out_get_smaller_until_they_succeed(place: Place, proxy: FaultProxy) -> None:
    """10 ms per document and 0.25 s per request: a page of 100 always times out, a page of 12 does not."""
    place.put(events(100))
    proxy.fault = slow(0.01)
    totals = place.watch(proxy.url, page_size=100, request_timeout_s=0.25)
    assert (totals.enriched, totals.failed, totals.trouble, totals.quarantined) == (100, 0, None, 0)
    assert place.versions() == {2}


def test_pages_grow_again_when_the_service_is_fast_again(place: Place, proxy: FaultProxy) -> None:
    place.put(events(100))
    proxy.fault = slow(0.01)
    with place.watching(proxy.url, page_size=100, request_timeout_s=0.25):
        wait_until(lambda: place.count("enriched") == 100, "the slow predictions")
        proxy.fault = None
        place.put({f"later-{name}": source for name, source in events(500).items()})
        wait_until(lambda: place.count("enriched") == 600, "the fast predictions")
    fast = [ids(call) for call in proxy.requests("/v1/enrich") if "later" in str(ids(call))]
    assert max(map(len, fast)) > 50
    assert place.versions() == {2}


@pytest.mark.parametrize("what", [Reply(500, b"oops"), Reply(502, b"<html>"), DROP], ids=["500", "502", "drop"])
def test_one_document_on_which_the_service_fails_is_quarantined_and_its_neighbours_are_enriched(
    place: Place, proxy: FaultProxy, caplog: pytest.LogCaptureFixture, what: Reply
) -> None:
    """It is the oldest of its page, stays as it is, and is named once in the log and once in the result of the run."""
    place.put(events(60))
    before = place.all()["doc-0"]
    proxy.fault = poisoned({"doc-0"}, what)
    totals = place.watch(proxy.url, page_size=30)
    assert (totals.enriched, totals.failed, totals.quarantined) == (59, 0, 1)
    assert totals.trouble is not None
    assert f"doc-0 in {place.index}" in totals.trouble
    assert place.all()["doc-0"] == before
    lines = [record.message for record in caplog.records if record.levelno == logging.ERROR]
    assert len(lines) == 1
    assert f"doc-0 in {place.index}" in lines[0]
    assert "raw line" not in caplog.text
    proxy.fault = None
    assert place.watch(proxy.url).enriched == 1
    assert place.versions() == {2}


def test_several_such_documents_are_quarantined_and_later_ones_are_enriched(place: Place, proxy: FaultProxy) -> None:
    """At any position in the page; a page without one is sent whole again."""
    poison = {"doc-0", "doc-1", "doc-29", "doc-40", "doc-59"}
    place.put(events(60))
    proxy.fault = poisoned(poison, Reply(500))
    with place.watching(proxy.url, page_size=60) as totals:
        wait_until(lambda: place.count("enriched") == 55, "the neighbours")
        place.put({f"later-{name}": source for name, source in events(50).items()})
        wait_until(lambda: place.count("enriched") == 105, "the documents that arrived later")
    assert totals.quarantined == 5
    assert {name for name, source in place.sources().items() if source["oversight"]["status"] == "pending"} == poison
    assert max(len(ids(call)) for call in proxy.requests("/v1/enrich") if "later-doc-0" in ids(call)) > 1


def test_more_such_documents_than_the_limit_do_not_stop_the_others(place: Place, proxy: FaultProxy) -> None:
    """Twenty in a row at the head of the queue look like a broken service: the watcher ends the round and
    tries again.
    """
    place.put(events(40))
    proxy.fault = poisoned({f"doc-{number}" for number in range(20)}, Reply(500))
    with place.watching(proxy.url, page_size=40, max_backoff_s=0.1):
        wait_until(lambda: place.count("enriched") == 20, "the others")
    assert place.count("pending") == 20


def test_a_service_that_failed_on_all_documents_gets_them_all_when_it_is_fixed(place: Place, proxy: FaultProxy) -> None:
    """The service accepts only empty documents: those quarantined meanwhile do not wait until their pause ends."""
    place.put(events(30))
    proxy.fault = lambda call, forward: Reply(500) if any(name.startswith("doc") for name in ids(call)) else forward()
    with place.watching(proxy.url, page_size=10, max_backoff_s=0.1):
        wait_until(lambda: len(proxy.requests("/v1/enrich")) > 60, "many tries")
        assert place.count("pending") == 30
        proxy.fault = None
        place.put({"later": event(1)})
        wait_until(lambda: place.count("enriched") == 31, "all of them")
    assert place.versions() == {2}


def test_an_overloaded_service_quarantines_nothing(place: Place, proxy: FaultProxy) -> None:
    """503 and 429 mean wait, however often they come and for whichever document."""
    place.put(events(20))
    proxy.fault = poisoned({"doc-3"}, Reply(503))
    totals = place.watch(proxy.url, once_tries=6)
    assert totals.trouble is not None
    assert (totals.quarantined, totals.outcomes[DocumentOutcome.DEFERRED]) == (0, 6 * 20)
    assert place.count("pending") == 20
