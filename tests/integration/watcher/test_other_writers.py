"""The watcher never overwrites the changes of other writers, and writes no document twice."""

from __future__ import annotations

import threading
from typing import Any

from elasticsearch import Elasticsearch

from tests.integration.watcher.conftest import Place, events, on_two
from tests.integration.watcher.faulty import Interfering
from tests.integration.watcher.proxy import FaultProxy
from tests.waiting import WAIT_S, wait_until
from watcher.totals import DocumentOutcome, Totals


def test_a_change_between_reading_and_writing_survives(place: Place, service: str, engine_url: str) -> None:
    """The other writer wins; the watcher reads the document again and enriches its new values."""
    place.put(events(10))

    def other_writer(number: int) -> None:
        if number == 0:
            change = {"user": {"id": "someone else"}, "turbine": {"temperature_c": 125}}
            place.es.update(index=place.index, id="doc-0", doc=change)
            place.es.update(index=place.index, id="doc-3", doc={"oversight": {"feedback": {"comment": "mine"}}})

    with Interfering(engine_url, other_writer) as es:
        totals = place.watch(service, es=es)
    assert totals.outcomes[DocumentOutcome.CONFLICT] == 2
    assert totals.enriched == 10
    found = place.all()
    assert found["doc-0"]["_source"]["user"] == {"id": "someone else"}
    assert found["doc-0"]["_source"]["oversight"]["prediction"]["label"] == "overheating"
    assert found["doc-3"]["_source"]["oversight"]["feedback"] == {"comment": "mine"}
    assert found["doc-3"]["_source"]["oversight"]["status"] == "enriched"
    assert {found[doc_id]["_version"] for doc_id in ("doc-0", "doc-3")} == {3}
    assert {found[f"doc-{n}"]["_version"] for n in (1, 2, 4, 5, 6, 7, 8, 9)} == {2}


@on_two
def test_a_document_that_is_replaced_in_between_is_not_changed(place: Place, service: str, engine_url: str) -> None:
    """The watcher leaves a document alone that is no longer pending."""
    place.put(events(3))
    replaced: dict[str, Any] = {"oversight": {"status": "failed"}, "error": {"type": "by_hand"}}

    def other_writer(number: int) -> None:
        if number == 0:
            place.es.index(index=place.index, id="doc-1", document=replaced)

    with Interfering(engine_url, other_writer) as es:
        place.watch(service, es=es)
    assert place.sources()["doc-1"] == replaced


def test_a_document_that_is_deleted_in_between_is_not_recreated(place: Place, service: str, engine_url: str) -> None:
    place.put(events(3))

    def other_writer(number: int) -> None:
        if number == 0:
            place.es.delete(index=place.index, id="doc-1")

    with Interfering(engine_url, other_writer) as es:
        totals = place.watch(service, es=es)
    assert totals.enriched == 2
    # the embedded engine reports a conflict
    assert totals.outcomes[DocumentOutcome.GONE] + totals.outcomes[DocumentOutcome.CONFLICT] == 1
    assert set(place.sources()) == {"doc-0", "doc-2"}


def test_two_watchers_at_once_enrich_each_document_exactly_once(place: Place, service: str, engine_url: str) -> None:
    count = 200
    place.put(events(count))
    with (
        Elasticsearch(engine_url) as one,
        Elasticsearch(engine_url) as other,
        place.watching(service, es=one, page_size=20) as first,
        place.watching(service, es=other, page_size=20) as second,
    ):
        wait_until(lambda: place.count("pending") == 0, "both watchers")
    assert place.versions() == {2}
    assert first.enriched + second.enriched == count


@on_two
def test_two_watchers_do_not_do_all_of_each_others_work(place: Place, service: str, engine_url: str) -> None:
    """If both read in the same order, nearly every document would be predicted twice."""
    count = 600
    place.put(events(count))
    with (
        Elasticsearch(engine_url) as one,
        Elasticsearch(engine_url) as other,
        place.watching(service, es=one, page_size=30) as first,
        place.watching(service, es=other, page_size=30) as second,
    ):
        wait_until(lambda: place.count("pending") == 0, "both watchers")
    assert place.versions() == {2}
    assert first.enriched + second.enriched == count
    conflicts = first.outcomes[DocumentOutcome.CONFLICT] + second.outcomes[DocumentOutcome.CONFLICT]
    assert conflicts < count / 2


@on_two
def test_a_run_with_an_end_leaves_nothing_after_slices(place: Place, service: str, engine_url: str) -> None:
    """Two watchers at once: each ends only when a search over all slices finds nothing."""
    place.put(events(200))
    totals: list[Totals] = []

    def drain() -> None:
        with Elasticsearch(engine_url) as es:
            totals.append(place.watch(service, es=es, page_size=20))

    threads = [threading.Thread(target=drain) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S)
    assert place.statuses() == ["enriched"] * 200
    assert place.versions() == {2}
    assert [each.trouble for each in totals] == [None, None]


@on_two
def test_two_watchers_share_the_work_when_both_hold_the_same_page(
    place: Place, proxy: FaultProxy, service: str
) -> None:
    """Both read the same documents before either writes: one writes them, the other gets a version conflict."""
    place.put(events(40))
    both = threading.Barrier(2, timeout=WAIT_S)
    met = threading.Event()

    def meet(call: Any, forward: Any) -> Any:
        reply = forward()
        if call.method == "POST" and not met.is_set():
            both.wait()
            met.set()
        return reply

    proxy.fault = meet
    with place.watching(proxy.url) as first, place.watching(proxy.url) as second:
        wait_until(lambda: place.count("pending") == 0, "both watchers")
    assert place.versions() == {2}
    assert first.enriched + second.enriched == 40
    assert first.outcomes[DocumentOutcome.CONFLICT] + second.outcomes[DocumentOutcome.CONFLICT] == 40
