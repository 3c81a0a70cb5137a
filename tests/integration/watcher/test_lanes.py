"""Slices in one process and on several machines: each document is written once, whichever watchers start or stop."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from contract.documents.heartbeats import heartbeat_index
from tests.integration.watcher.conftest import Place, events
from tests.integration.watcher.proxy import Call, FaultProxy, Reply
from tests.waiting import WAIT_S, wait_until
from watcher.monitor.heartbeat import read_heartbeats
from watcher.totals import DocumentOutcome


@pytest.fixture
def engine_url(embedded_url: str, request: pytest.FixtureRequest) -> str:
    """The embedded engine, or OpenSearch where slices depend on `_seq_no`, which the embedded engine cannot
    slice by.
    """
    real = request.node.get_closest_marker("opensearch") is not None
    url: str = request.getfixturevalue("opensearch_url") if real else embedded_url
    return url


@pytest.mark.opensearch
def test_the_lanes_of_one_watcher_never_process_the_same_document(place: Place, service: str) -> None:
    place.es.indices.delete(index=place.index)
    place.create(shards=2)
    place.put(events(400))
    totals = place.watch(service, slices=3, page_size=25)
    assert (totals.enriched, totals.outcomes[DocumentOutcome.CONFLICT], totals.trouble) == (400, 0, None)
    assert place.versions() == {2}


def test_lanes_work_at_the_same_time(place: Place, proxy: FaultProxy) -> None:
    """The service has two pages at the same time, each from a different slice."""
    place.put(events(100))
    both = threading.Barrier(2, timeout=WAIT_S)

    def meet(call: Call, forward: Callable[[], Reply]) -> Reply:
        if call.method == "POST" and len(proxy.requests("/v1/enrich")) <= 2:
            both.wait()
        return forward()

    proxy.fault = meet
    totals = place.watch(proxy.url, slices=2, page_size=25)
    assert (totals.enriched, both.broken) == (100, False)
    assert place.versions() == {2}


def test_a_fault_in_one_lane_costs_no_document_of_the_others(place: Place, proxy: FaultProxy) -> None:
    """Every third request fails; the circuit breaker opens, one lane probes the service, then all lanes continue."""
    place.put(events(300))
    posts: list[Call] = []

    def every_third(call: Call, forward: Callable[[], Reply]) -> Reply:
        posts.extend([call] if call.method == "POST" else [])
        return Reply(503) if call.method == "POST" and len(posts) % 3 == 0 else forward()

    proxy.fault = every_third
    totals = place.watch(proxy.url, slices=3, page_size=25, once_tries=10)
    assert (totals.enriched, totals.failed, totals.trouble) == (300, 0, None)
    assert place.versions() == {2}


@pytest.mark.opensearch
def test_slices_over_machines_share_the_work(place: Place, service: str) -> None:
    """No slice waits until the other's documents are old: together they enrich everything, with hardly a duplicate."""
    place.put(events(300))
    with (
        place.watching(service, slice="1/2", help_after_s=1e9, page_size=25) as first,
        place.watching(service, slice="2/2", help_after_s=1e9, page_size=25) as second,
    ):
        wait_until(lambda: place.count("pending") == 0, "both slices")
    assert place.versions() == {2}
    assert first.enriched + second.enriched == 300
    assert first.outcomes[DocumentOutcome.CONFLICT] + second.outcomes[DocumentOutcome.CONFLICT] == 0


def test_another_watcher_takes_a_slice_without_a_running_watcher(place: Place, service: str) -> None:
    """The documents arrived in January, so all are old enough for another slice."""
    place.put(events(60))
    with place.watching(service, slice="2/3", page_size=10) as totals:
        wait_until(lambda: place.count("pending") == 0, "all slices")
    assert totals.enriched == 60
    assert place.versions() == {2}


def test_a_heartbeat_has_the_counts_of_a_watcher_and_that_it_ended(place: Place, service: str, namespace: str) -> None:
    place.put(events(30))
    try:
        with place.watching(service, namespace=namespace, heartbeat_s=0.1, slice="1/1"):
            wait_until(lambda: place.count("enriched") == 30, "the predictions")
            wait_until(lambda: _beats(place, namespace, "idle", pending=0), "a heartbeat after them")
        (last,) = read_heartbeats(place.es, namespace)
    finally:
        place.es.indices.delete(index=heartbeat_index(namespace), ignore_unavailable=True)
    assert (last.documents["enriched"], last.batches, last.index, last.slice) == (30, 1, place.index, "1/1")
    assert (last.model_id, last.breaker, last.oldest_pending_s) == ("turbine", "closed", None)
    assert last.last_batch is not None


def _beats(place: Place, namespace: str, state: str, *, pending: int) -> bool:
    place.es.indices.refresh(index=heartbeat_index(namespace))
    return [(one.state, one.pending, one.alive) for one in read_heartbeats(place.es, namespace)] == [
        (state, pending, True)
    ]
