"""No response of the enrich service harms a document. The responses do not depend on the engine, so one is enough."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.artifacts import write_model
from tests.integration.watcher.conftest import Place, events
from tests.integration.watcher.proxy import DROP, Call, FaultProxy, Reply, only, proxied
from tests.servers import enrich_service
from tests.waiting import WAIT_S, wait_until
from watcher.totals import DocumentOutcome


@pytest.fixture
def engine_url(embedded_url: str) -> str:
    """The embedded engine alone."""
    return embedded_url


def garbage(call: Call) -> dict[str, Reply]:
    """Responses to `POST /v1/enrich` that break its contract, keyed by what is wrong with them."""
    ids = [document["id"] for document in json.loads(call.body)["documents"]]
    model = {"id": "turbine", "version": "0" * 12}
    fields = {"oversight": {"prediction": {"label": "healthy"}}}

    def answer(results: object, **more: object) -> Reply:
        return Reply(200, json.dumps({"model": model, "results": results, **more}).encode())

    good = [{"id": doc_id, "fields": fields} for doc_id in ids]
    return {
        "no JSON": Reply(200, b"<html>It works!</html>"),
        "empty": Reply(200, b""),
        "a list": Reply(200, b"[]"),
        "too few results": answer(good[:-1]),
        "too many results": answer([*good, good[0]]),
        "another order": answer(good[::-1]),
        "no model": answer(good, model=None),
        "both fields and error": answer([{**one, "error": {"type": "a", "message": "b"}} for one in good]),
        "neither fields nor error": answer([{"id": doc_id} for doc_id in ids]),
        "error without type": answer([{"id": doc_id, "error": {"message": "b"}} for doc_id in ids]),
        "foreign field": answer([{"id": i, "fields": {**fields, "user": {"id": "root"}}} for i in ids]),
        "foreign field, dotted": answer([{"id": i, "fields": {**fields, "event.original": "x"}} for i in ids]),
        "the status": answer([{"id": i, "fields": {**fields, "oversight.status": "enriched"}} for i in ids]),
        "an analyst's field": answer([{"id": i, "fields": {**fields, "oversight.feedback.by": "me"}} for i in ids]),
        "a field twice": answer([{"id": i, "fields": {**fields, "oversight.prediction.label": "x"}} for i in ids]),
        "an object as a keyword": answer([{"id": i, "fields": {**fields, "rule": {"name": {"a": 1}}}} for i in ids]),
        "a value as an object": answer([{"id": i, "fields": {**fields, "threat": "x"}} for i in ids]),
        "no label": answer([{"id": i, "fields": {"oversight": {"prediction": {"closest": "x"}}}} for i in ids]),
        "oversized": answer(good, padding="x" * 3_000_000),
        "a failure of its own": Reply(500, b"oops"),
        "not found": Reply(404, b"{}"),
        "moved": Reply(302, b"", {"location": "http://127.0.0.1:1/"}),
        "a proxy's page": Reply(413, b"<html>Request Entity Too Large</html>"),
        "a refusal of everything": Reply(422, b'{"error": {"type": "wrong_shape", "message": "no"}}'),
        "a bad gateway": Reply(502, b"<html>"),
        "a broken connection": DROP,
    }


GARBAGE = tuple(garbage(Call("POST", "", b'{"documents": [{"id": "a"}, {"id": "b"}]}')))


@pytest.mark.parametrize("what", GARBAGE)
def test_an_invalid_response_of_the_service_never_changes_a_document(
    place: Place, proxy: FaultProxy, what: str
) -> None:
    """Nothing is written, and every document is enriched once the responses are valid."""
    place.put(events(5))
    before = place.all()
    proxy.fault = only("/v1/enrich", lambda call: garbage(call)[what])
    totals = place.watch(proxy.url, once_tries=2, request_timeout_s=2.0)
    assert totals.trouble is not None
    assert "\n" not in totals.trouble
    assert place.all() == before
    proxy.fault = None
    assert place.watch(proxy.url).enriched == 5


def test_retry_after_is_honoured(place: Place, proxy: FaultProxy) -> None:
    """The watcher waits as long as the overloaded service asks."""
    place.put(events(5))
    times: list[float] = []

    def overloaded_once(call: Call) -> Reply:
        times.append(time.monotonic())
        return Reply(503, b'{"error": {"type": "not_ready", "message": "later"}}', {"retry-after": "1"})

    proxy.fault = only("/v1/enrich", overloaded_once)
    with place.watching(proxy.url):
        wait_until(lambda: len(times) == 2, "the second try")
        proxy.fault = None
        wait_until(lambda: place.count("enriched") == 5, "the predictions")
    assert times[1] - times[0] >= 1.0


def test_a_request_that_times_out_is_sent_again(place: Place, proxy: FaultProxy) -> None:
    place.put(events(5))
    slow: list[Call] = []
    given_up = threading.Event()

    def slow_once(call: Call, forward: Callable[[], Reply]) -> Reply:
        if call.method == "POST" and not slow:
            slow.append(call)
            given_up.wait(WAIT_S)
        elif call.method == "POST":
            given_up.set()
        return forward()

    proxy.fault = slow_once
    totals = place.watch(proxy.url, request_timeout_s=2.0)
    assert totals.enriched == 5
    assert len(proxy.requests("/v1/enrich")) == 2
    assert place.versions() == {2}


def test_a_wrong_token_loses_nothing_and_is_an_error_in_the_log(
    place: Place, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A person has to act, so the log has an ERROR; the documents stay pending meanwhile."""
    place.put(events(5))
    with enrich_service(write_model(tmp_path / "model.onnx"), token="right") as url:
        totals = place.watch(url, enrich_token="wrong")
        assert totals.trouble is not None
        assert "refuses the token (401); set OVERSIGHT_ENRICH_TOKEN" in totals.trouble
        assert [record.levelname for record in caplog.records if record.levelno > logging.INFO] == ["ERROR"]
        assert "wrong" not in caplog.text.replace("wrong_", "")
        none_sent = place.watch(url).trouble
        assert none_sent is not None
        assert "asks for a token, and none is set (401); set OVERSIGHT_ENRICH_TOKEN" in none_sent
        assert place.count("pending") == 5
        assert place.watch(url, enrich_token="right").enriched == 5


def test_a_long_outage_is_one_warning_and_one_line_at_its_end(
    place: Place, proxy: FaultProxy, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="watcher")
    place.put(events(5))
    proxy.fault = only("/v1", Reply(503))
    with place.watching(proxy.url):
        wait_until(lambda: len(proxy.calls) >= 6, "six tries")
        proxy.fault = None
        wait_until(lambda: place.count("enriched") == 5, "the predictions")
    assert [record.levelname for record in caplog.records if record.levelno > logging.INFO] == ["WARNING"]
    assert [record.message for record in caplog.records if "continuing after" in record.message]


def test_a_new_model_with_other_fields_is_used(place: Place, proxy: FaultProxy) -> None:
    """The watcher reads the page again with the fields of the new model, so no document fails because one
    is missing.
    """
    place.put(events(5))

    def old_description_first(call: Call, forward: Callable[[], Reply]) -> Reply:
        if call.path == "/v1/model" and len(proxy.requests("/v1/model")) == 1:
            page = {"model": {"id": "older", "version": "0" * 12}, "fields": ["turbine.temperature_c"]}
            return Reply(200, json.dumps(page).encode())
        return forward()

    proxy.fault = old_description_first
    totals = place.watch(proxy.url)
    assert (totals.enriched, totals.failed) == (5, 0)
    assert place.versions() == {2}


def test_only_the_document_that_makes_its_request_fail_is_failed(place: Place, proxy: FaultProxy) -> None:
    """The service refuses the request; the watcher bisects it until it has found the failing document."""
    place.put(events(30))

    def refuse_if_inside(call: Call) -> Reply | None:
        guilty = any(document["id"] == "doc-17" for document in json.loads(call.body)["documents"])
        return Reply(422, b'{"error": {"type": "wrong_shape", "message": "documents[3].source"}}') if guilty else None

    def fault(call: Call, forward: Callable[[], Reply]) -> Reply:
        return (refuse_if_inside(call) if call.method == "POST" else None) or forward()

    proxy.fault = fault
    totals = place.watch(proxy.url)
    assert (totals.enriched, totals.failed) == (29, 1)
    source = place.sources()["doc-17"]
    assert source["oversight"]["status"] == "failed"
    assert source["error"] == {"type": "wrong_shape", "message": "documents[3].source"}
    assert place.versions() == {2}


def test_pages_get_smaller_when_the_service_limits_their_size(place: Place, tmp_path: Path) -> None:
    """The real service answers 413 above its limit: the watcher sends halves, and starts the next page with
    that size.
    """
    place.put(events(40))
    limit = {"OVERSIGHT_SERVE_MAX_DOCUMENTS": "6"}
    with enrich_service(write_model(tmp_path / "model.onnx"), env=limit) as url, proxied(url) as proxy:
        totals = place.watch(proxy.url, page_size=20)
    assert (totals.enriched, totals.failed, totals.trouble) == (40, 0, None)
    assert place.versions() == {2}
    sizes = [len(json.loads(call.body)["documents"]) for call in proxy.requests("/v1/enrich")]
    assert sizes == [20, 10, 5, 5, 10, 5, 5, 5, 5, 5, 5]


def test_requests_get_smaller_while_the_service_is_overloaded(place: Place, proxy: FaultProxy) -> None:
    """429 to more than ten documents: the watcher waits, sends half as many, and quarantines nothing."""
    place.put(events(40))

    def busy(call: Call, forward: Callable[[], Reply]) -> Reply:
        many = call.method == "POST" and len(json.loads(call.body)["documents"]) > 10
        return Reply(429, b"{}", {"retry-after": "0"}) if many else forward()

    proxy.fault = busy
    totals = place.watch(proxy.url, page_size=40)
    assert (totals.enriched, totals.quarantined, totals.trouble) == (40, 0, None)
    sizes = [len(json.loads(call.body)["documents"]) for call in proxy.requests("/v1/enrich")]
    assert sizes == [40, 20, 10, 10, 10, 10]


def test_a_fault_in_the_middle_of_a_page_defers_the_rest_of_it(place: Place, proxy: FaultProxy) -> None:
    """The first half counts as enriched, the second as deferred: each document has one outcome."""
    place.put(events(40))
    answers = [Reply(413, b'{"error": {"type": "too_many_documents", "message": "fewer"}}'), None, Reply(503)]

    def in_turn(call: Call, forward: Callable[[], Reply]) -> Reply:
        return ((answers.pop(0) if answers else None) or forward()) if call.method == "POST" else forward()

    proxy.fault = in_turn
    totals = place.watch(proxy.url)
    assert (totals.enriched, totals.outcomes[DocumentOutcome.DEFERRED], sum(totals.outcomes.values())) == (40, 20, 60)
    assert place.versions() == {2}
