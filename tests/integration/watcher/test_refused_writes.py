"""Writes that Elasticsearch refuses: overload costs a wait, a refused update is quarantined, others continue."""

from __future__ import annotations

import logging
import time
import urllib.request

import pytest
from elasticsearch import Elasticsearch

from tests.integration.watcher.conftest import Place, event, events, on_two
from tests.integration.watcher.faulty import FailingBulk
from tests.integration.watcher.proxy import FaultProxy
from tests.waiting import WAIT_S, wait_until
from watcher.totals import DocumentOutcome

pytestmark = on_two


@pytest.mark.parametrize("status", [429, 503])
def test_only_the_items_answered_429_are_sent_again(
    place: Place, proxy: FaultProxy, engine_url: str, status: int
) -> None:
    """A 429 costs a wait, never a document; written items are not sent again, and the model does not predict again."""
    place.put(events(30))
    with FailingBulk(engine_url, fail_at={0, 1}, status=status) as es:
        totals = place.watch(proxy.url, es=es)
        assert es.state.sent == [20, 6, 4]
    assert totals.enriched == 30
    assert totals.outcomes[DocumentOutcome.DEFERRED] == 0
    assert len(proxy.requests("/v1/enrich")) == 1
    assert place.versions() == {2}


def test_items_that_stay_429_are_sent_again_in_the_next_round(place: Place, service: str, engine_url: str) -> None:
    place.put(events(9))
    with FailingBulk(engine_url, fail_at=set(range(6)), every=1) as es:
        totals = place.watch(service, es=es, backoff_s=0.02)
    assert totals.outcomes[DocumentOutcome.DEFERRED] == 9
    assert totals.enriched == 9
    assert place.versions() == {2}


@pytest.mark.parametrize("status", [403, 500])
def test_an_item_that_the_engine_cannot_write_now_stays_pending(
    place: Place, service: str, engine_url: str, status: int
) -> None:
    """A read-only index (403) or a failure of the engine is not the document's fault."""
    place.put(events(6))
    with FailingBulk(engine_url, fail_at={0}, status=status) as es:
        totals = place.watch(service, es=es)
    assert totals.outcomes[DocumentOutcome.DEFERRED] == 2
    assert totals.enriched == 6
    assert place.statuses() == ["enriched"] * 6


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The errors that a watcher in this process has logged."""
    return [record.message for record in caplog.records if record.levelno == logging.ERROR]


def strict(place: Place) -> None:
    """Make every prediction a 400: the mapping has text where the model's name belongs."""
    place.es.indices.delete(index=place.index)
    fields = {"oversight": {"properties": {"status": {"type": "keyword"}, "model": {"type": "keyword"}}}}
    place.es.indices.create(index=place.index, mappings={"dynamic": False, "properties": fields})
    place.put({"bad": event(1)})


def test_a_document_whose_update_is_refused_is_quarantined(
    place: Place, service: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The others continue, it is not retried again and again, and one report names its id, without content."""
    strict(place)
    before = place.all()
    totals = place.watch(service)
    assert "1 document cannot be written and stay" in str(totals.trouble)
    assert "model" in str(totals.trouble), "the engine's reason is quoted"
    assert (totals.outcomes[DocumentOutcome.REJECTED], totals.quarantined) == (1, 1)
    assert place.all() == before
    caplog.clear()
    with place.watching(service) as again:
        wait_until(lambda: bool(errors(caplog)), "the report")
        time.sleep(0.5)  # some polls, which must change nothing
    assert again.outcomes[DocumentOutcome.REJECTED] == 1
    lines = errors(caplog)
    assert len(lines) == 1
    assert f"bad in {place.index}" in lines[0]
    assert "raw line" not in caplog.text


def test_a_quarantined_document_is_read_again_when_it_changes(
    place: Place, service: str, caplog: pytest.LogCaptureFixture
) -> None:
    strict(place)
    with place.watching(service):
        wait_until(lambda: bool(errors(caplog)), "the document to be quarantined")
        place.es.indices.put_mapping(index=place.index, properties={"fixed": {"type": "keyword"}})
        place.es.index(
            index=place.index, id="bad", document={**event(1), "oversight": {"status": "pending"}, "turbine": {}}
        )
        wait_until(lambda: place.count("failed") == 1, "the changed document")


def test_a_dotted_status_is_quarantined_after_one_write(
    place: Place, service: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A nested `enriched` beside the dotted `pending` leaves the document pending for ever; it is written only once."""
    dotted = {key: value for key, value in event(1).items() if key != "oversight"} | {"oversight.status": "pending"}
    place.put({**events(3), "dotted": dotted})
    with place.watching(service) as totals:
        wait_until(lambda: any("still pending after" in record.message for record in caplog.records), "the report")
        time.sleep(0.4)  # some polls, which must change nothing
    assert totals.quarantined == 1
    found = place.all()
    assert found["dotted"]["_version"] == 2
    assert len([record for record in caplog.records if "still pending after" in record.message]) == 1
    assert "1 document cannot be written" in str(place.watch(service).trouble)
    assert place.all()["dotted"]["_version"] == 2  # a new watcher writes the same values, which changes nothing


@pytest.mark.parametrize(
    "theirs",
    [
        [{"status": "pending"}, {"by": "another program's own"}],
        {"status": "pending", "prediction": ["another program's own"]},
        {"status": "pending", "model": "another program's own"},
    ],
    ids=["a list of objects", "a list below", "a value below"],
)
def test_a_foreign_field_in_the_place_of_our_object_is_never_replaced(
    foreign: Place, service: str, caplog: pytest.LogCaptureFixture, theirs: object
) -> None:
    """The document stays as it is and is named once; its neighbours are enriched."""
    foreign.es.indices.delete(index=foreign.index)
    fields = {"oversight": {"properties": {"status": {"type": "keyword"}}}}
    foreign.es.indices.create(index=foreign.index, mappings={"dynamic": False, "properties": fields})
    foreign.put({**events(5), "theirs": {**event(1), "oversight": theirs}})
    before = foreign.all()["theirs"]
    with foreign.watching(service) as totals:
        wait_until(lambda: foreign.count("enriched") == 5 and bool(errors(caplog)), "the neighbours and the report")
        time.sleep(0.3)  # some polls, which must change nothing
    assert foreign.all()["theirs"] == before
    assert totals.outcomes[DocumentOutcome.REJECTED] == 1
    lines = errors(caplog)
    assert len(lines) == 1
    assert f"theirs in {foreign.index}" in lines[0]
    assert "another program's own" not in caplog.text
    assert "1 document cannot be written" in str(foreign.watch(service).trouble)


def test_only_the_document_with_invalid_text_fails(place: Place, service: str, engine_url: str) -> None:
    """Only Elasticsearch accepts half a surrogate pair as JSON; the rest of the page is enriched."""
    place.put(events(20))
    body = (
        rb'{"oversight":{"status":"pending"},"turbine":{"temperature_c":60,"vibration_mm_s":1,'
        rb'"state":{"mode":"\ud800"}}}'
    )
    url = f"{engine_url}/{place.index}/_doc/half?refresh=true"
    request = urllib.request.Request(url, data=body, method="PUT", headers={"content-type": "application/json"})
    try:
        urllib.request.urlopen(request, timeout=WAIT_S).close()
    except urllib.error.HTTPError as error:
        error.close()
        pytest.skip(f"this engine refuses such a document ({error.code})")
    totals = place.watch(service)
    assert (totals.enriched, totals.trouble) == (20, None)
    assert totals.failed + totals.outcomes[DocumentOutcome.REJECTED] == 1
    assert {hit["_version"] for name, hit in place.all().items() if name != "half"} == {2}


def test_a_read_only_index_loses_nothing(place: Place, service: str) -> None:
    """Elasticsearch blocks writes when its disk is full; the documents stay pending until the block is gone."""
    place.put(events(6))
    es: Elasticsearch = place.es
    es.indices.put_settings(index=place.index, settings={"index.blocks.write": True})
    totals = place.watch(service)
    if totals.trouble is None:
        pytest.skip("this engine has no write block")
    assert totals.enriched == 0
    es.indices.put_settings(index=place.index, settings={"index.blocks.write": False})
    assert place.watch(service).enriched == 6
    assert place.versions() == {2}
